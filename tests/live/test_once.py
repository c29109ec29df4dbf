"""A message is accepted once: whatever becomes of the answers of the
database, what was answered 250 is there, and it is there once."""
import threading
import unittest

from failpoints import FailpointTest
from harness import wait_for
from late import LateTest, Rule

BODY = 'Subject: once\r\n\r\n' + 'x' * 60 + '\r\n'


class Once(LateTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()

    def setUp(self):
        super().setUp()
        self.address = f'u{abs(hash(self.id())) % 10**9}@example.org'
        self.system.m3mta('mailbox', 'add', self.address, '--no-password')

    def submit(self, size=0):
        """The reply to the end of data, and whether there was a 354."""
        d = self.late_dialog('m3mta-smtp')
        d.sock.settimeout(90)
        d.reply()
        d.smtp('EHLO me.example')
        d.smtp('MAIL FROM:<>')
        self.assertTrue(d.smtp(f'RCPT TO:<{self.address}>')
                        .startswith('250'))
        self.assertTrue(d.smtp('DATA').startswith('354'))
        d.send(BODY + ('y' * 70 + '\r\n') * (size // 72))
        return d.smtp('.\r\n'.encode())

    def stored(self):
        owner = self.system.db.mailboxes.find_one(
            {'_id': self.address})['owner']
        return self.system.db.folders.find_one(
            {'owner': owner, 'name': 'INBOX'})['exists']

    def deliver_all(self):
        self.system.mda()
        wait_for(lambda: self.system.db.queue.count_documents({}) == 0)
        self.system.verify()

    def deliver_when_stored(self):
        """An mda of another host, whose road to mongod is good."""
        wait_for(lambda: self.system.db.queue.count_documents({}), 30)
        self.system.mda()

    def accepted_once(self, rule, size=0):
        self.proxy.rule = rule
        mda = threading.Thread(target=self.deliver_when_stored)
        mda.start()
        reply = self.submit(size)
        mda.join(60)
        self.proxy.rule = None
        self.assertTrue(rule.seen, self.proxy.commands)
        self.deliver_all()
        self.assertTrue(reply.startswith('250'), reply)
        self.assertEqual(self.stored(), 1)

    def test_the_answers_come_after_it_was_delivered(self):
        self.accepted_once(Rule('replies', 'insert', 'queue', seconds=6))

    def test_a_repeated_insert_comes_after_it_was_delivered(self):
        """The first is stored, its answer lost; the next is held up."""
        rule = Rule('lose', 'insert', 'queue', times=3)
        self.accepted_once(rule)

    def test_the_answers_of_a_big_one_come_late(self):
        self.accepted_once(
            Rule('replies', 'commitTransaction', seconds=6), size=200000)


class Durable(FailpointTest):
    """250 is said of what a majority has, and of nothing else."""

    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')

    def until_the_dot(self, body):
        d = self.dialog('m3mta-smtp')
        d.reply()
        d.smtp('EHLO me.example')
        d.smtp('MAIL FROM:<>')
        d.smtp('RCPT TO:<ann@example.org>')
        self.assertTrue(d.smtp('DATA').startswith('354'))
        d.send(BODY + body)
        return d

    def test_a_stored_message_is_not_accepted_before_a_majority_has_it(self):
        """Each insert is done, and each answer (also that the key is taken)
        says that the primary is stepping down."""
        d = self.until_the_dot('')
        with self.failing(['insert'], program='m3mta-smtp',
                          writeConcernError={'code': 11602, 'errmsg': 'x'}):
            d.send('.\r\n')
            self.assertTrue(self.is_silent(d, 3))
            self.assertEqual(self.system.db.queue.count_documents({}), 1)
        self.assertTrue(d.reply()[-1].startswith('250'))
        self.system.mda()
        self.system.verify()

    def test_a_chunk_that_no_majority_has_refuses_its_message(self):
        d = self.until_the_dot(('y' * 70 + '\r\n') * 3000)
        with self.failing(['insert'], program='m3mta-smtp',
                          writeConcernError={'code': 11602, 'errmsg': 'x'}):
            self.assertTrue(d.smtp(b'.\r\n').startswith('451'))

    def test_a_key_that_is_taken_but_not_durable_is_no_success(self):
        """The blobs of small messages, made at the claim, are there from an
        attempt before: the claim is given back until a majority has them."""
        d = self.until_the_dot('')
        self.assertTrue(d.smtp(b'.\r\n').startswith('250'))
        with self.failing(['insert'], program='m3mta-mda',
                          writeConcernError={'code': 11602, 'errmsg': 'x'}):
            for _ in range(3):
                done = self.system.mda(code=75)
                self.assertIn(b'database: blobs:', done.stderr)
        self.assertEqual(self.system.db.queue.count_documents({}), 1)
        self.system.mda()
        self.assertEqual(self.system.db.queue.count_documents({}), 0)
        self.system.verify()


if __name__ == '__main__':
    unittest.main()
