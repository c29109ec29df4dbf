"""kill -9 at each fault point of the crash table (ARCHITECTURE.md, 5):
nothing acknowledged is lost, nothing is delivered twice."""
import datetime
import unittest

from fake_mta import FakeMta
from harness import LiveTest, binary


def later(system):
    """All leases end now."""
    system.db.queue.update_many(
        {'held': False},
        {'$set': {'next_at': datetime.datetime(1970, 1, 1)}})


class Faults(LiveTest):
    settings = {'imap__acl__anyone': True}

    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('postmaster@example.org')

    def setUp(self):
        self.address = f'u{self._testMethodName}@example.org'
        self.system.m3mta('mailbox', 'add', self.address, '--no-password')

    def submit(self, to, point=None, size=100):
        env = {'M3MTA_FAULT': f'{point}:kill'} if point else {}
        d = self.dialog('m3mta-smtp', env=env, fault=True)
        d.reply()
        d.smtp('EHLO me.example')
        d.smtp('MAIL FROM:<u@example.org>')
        d.smtp(f'RCPT TO:<{to}>')
        if not d.smtp('DATA').startswith('354'):
            return ''
        try:
            d.send('Subject: x\r\n\r\n' + ('y' * 70 + '\r\n') *
                   (size // 72 + 1))
            return d.smtp(b'.\r\n')
        except OSError:
            return ''

    def count(self, address=None):
        owner = self.system.db.mailboxes.find_one(
            {'_id': address or self.address})['owner']
        return self.system.db.folders.find_one(
            {'owner': owner, 'name': 'INBOX'})['exists']

    def queued(self):
        return self.system.db.queue.count_documents({})

    def smtp_point(self, point, stored, size=100):
        self.assertEqual(self.submit(self.address, point, size), '')
        self.assertEqual(self.queued(), stored)
        self.system.mda()
        self.assertEqual(self.count(), stored)
        self.system.verify()

    def test_smtp_data(self):
        self.smtp_point('smtp-data', 0, 3 << 20)

    def test_smtp_blob_done(self):
        self.smtp_point('smtp-blob-done', 0)

    def test_smtp_insert_sent(self):
        self.smtp_point('smtp-insert-sent', 1)

    def test_smtp_before_250(self):
        self.smtp_point('smtp-before-250', 1)

    def mda_point(self, point, to=None):
        self.assertTrue(self.submit(to or self.address).startswith('250'))
        self.system.mda(code=-9, env={'M3MTA_FAULT': f'{point}:kill'},
                        fault=True)
        self.system.verify()
        later(self.system)
        self.system.mda()
        self.system.verify()

    def test_mda_claimed(self):
        self.mda_point('mda-claimed')
        self.assertEqual((self.count(), self.queued()), (1, 0))

    def test_mda_in_txn(self):
        self.mda_point('mda-in-txn')
        self.assertEqual((self.count(), self.queued()), (1, 0))

    def test_mda_after_txn(self):
        self.mda_point('mda-after-txn')
        self.assertEqual((self.count(), self.queued()), (1, 0))

    def bounce_point(self, point):
        """The recipient is gone by the time of delivery: one bounce to
        u@example.org, which is none of ours, so it goes on to postmaster."""
        self.system.m3mta('mailbox', 'add', 'u@example.org', '--no-password')
        self.addCleanup(self.system.m3mta, 'mailbox', 'remove',
                        'u@example.org', '--yes')
        self.assertTrue(self.submit(self.address).startswith('250'))
        self.system.m3mta('mailbox', 'remove', self.address, '--yes')
        self.system.mda(code=-9, env={'M3MTA_FAULT': f'{point}:kill'},
                        fault=True)
        later(self.system)
        self.system.mda()
        self.assertEqual(self.count('u@example.org'), 1)
        self.assertEqual(self.queued(), 0)
        self.system.verify()

    def test_mda_before_outcome(self):
        self.bounce_point('mda-before-outcome')

    def test_mda_after_outcome(self):
        self.bounce_point('mda-after-outcome')

    def test_three_deaths_hold_the_message(self):
        self.assertTrue(self.submit(self.address).startswith('250'))
        for _ in range(3):
            self.system.mda(code=-9,
                            env={'M3MTA_FAULT': 'mda-claimed:kill'},
                            fault=True)
            later(self.system)
        self.system.mda()
        self.assertEqual(self.count(), 0)
        self.assertIn('held', self.system.m3mta('queue', 'list'))
        self.system.m3mta('queue', 'release', '--held')
        self.system.mda()
        self.assertEqual((self.count(), self.queued()), (1, 0))

    def test_store_roll(self):
        for _ in range(66):
            self.assertTrue(self.submit(self.address).startswith('250'))
        self.system.mda(code=-9, env={'M3MTA_FAULT': 'store-roll:kill'},
                        fault=True)
        self.system.verify()
        later(self.system)
        self.system.mda()
        self.assertTrue(self.submit(self.address).startswith('250'))
        self.system.mda()
        self.assertEqual((self.count(), self.queued()), (67, 0))
        self.assertGreater(self.system.db.pages.count_documents({}), 0)
        self.system.verify()

    def test_store_expunge(self):
        self.assertTrue(self.submit(self.address).startswith('250'))
        self.system.mda()
        d = self.dialog('m3mta-imap', '--preauth', self.address,
                        env={'M3MTA_FAULT': 'store-expunge:kill'},
                        fault=True)
        d.line()
        d.imap('a', 'SELECT INBOX')
        d.imap('b', r'STORE 1 +FLAGS (\Deleted)')
        self.assertEqual(d.imap('c', 'EXPUNGE'), b'')
        self.assertEqual(self.count(), 1)
        self.system.verify()

    def test_remote_sent(self):
        """At least once is inherent (RFC 1047): it comes again, and ends."""
        fake = FakeMta()
        self.addCleanup(fake.close)
        self.system.m3mta('mailbox', 'add', 'u@example.org', '--no-password')
        self.addCleanup(self.system.m3mta, 'mailbox', 'remove',
                        'u@example.org', '--yes')
        self.system.m3mta('domain', 'add', 'far.example', '--delivery=relay',
                          f'--route=127.0.0.1:{fake.port}')
        self.assertTrue(self.submit('bob@far.example').startswith('250'))
        # The courier dies, the mda that started it does not.
        self.system.mda(env={'M3MTA_FAULT': 'mda-remote-sent:kill'},
                        fault=True)
        self.assertEqual((len(fake.messages), self.queued()), (1, 1))
        self.system.verify()
        later(self.system)
        self.system.mda()
        self.assertEqual((len(fake.messages), self.queued()), (2, 0))
        self.system.verify()

    def gc(self, point=None):
        return self.system.run(
            [binary('m3mta', fault=point is not None), '-c',
             self.system.config, 'gc', '--min-age=0s'],
            env={'M3MTA_FAULT': f'{point}:kill'} if point else {},
            code=-9 if point else 0)

    def gc_point(self, point):
        """Of two copies of one blob one is expunged: the blob stays. Then
        the other one is: it goes. Big ones, so that there is a blob."""
        db = self.system.db
        self.gc()
        before = db.blobs.count_documents({})
        self.assertTrue(
            self.submit(self.address, size=100000).startswith('250'))
        self.system.mda()
        d = self.dialog('m3mta-imap', '--preauth', self.address)
        d.line()
        d.imap('a', 'SELECT INBOX')
        d.imap('b', 'COPY 1 Archive')
        for folder, left in (('INBOX', 1), ('Archive', 0)):
            d.imap('c', f'SELECT {folder}')
            d.imap('d', r'STORE 1 +FLAGS (\Deleted)')
            d.imap('e', 'EXPUNGE')
            self.gc(point)
            self.system.verify()
            self.gc()
            self.assertEqual(db.blobs.count_documents({}), before + left)
            self.system.verify()
        d.imap('f', 'LOGOUT')

    def test_gc_messages_deleted(self):
        self.gc_point('gc-messages-deleted')

    def test_gc_before_blobs(self):
        self.gc_point('gc-before-blobs')

    def test_store_acl(self):
        """The list and who is found by it: both or none."""
        d = self.dialog('m3mta-imap', '--preauth', self.address,
                        env={'M3MTA_FAULT': 'store-acl:kill'}, fault=True)
        d.line()
        self.assertEqual(d.imap('a', 'SETACL INBOX anyone lr'), b'')
        self.assertIsNone(self.system.db.shares.find_one({}))
        self.system.verify()
        d = self.dialog('m3mta-imap', '--preauth', self.address)
        d.line()
        self.assertIn(b'a OK', d.imap('a', 'SETACL INBOX anyone lr'))
        self.assertIn(b'a OK', d.imap('a', 'DELETEACL INBOX anyone'))
        self.assertIsNone(self.system.db.shares.find_one({}))


if __name__ == '__main__':
    unittest.main()
