"""What a new primary shows first: it has all that was acknowledged, and does
not know at once that the majority has it too. Until it does, a majority
read shows the past. Here the members' view of the majority is held back
until after the failover."""
import concurrent.futures
import contextlib
import threading
import time
import unittest

import pymongo

import harness
import members
from harness import System, wait_for

HELD_SECONDS = 1.5


class Past(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.set = members.Set(parameters=('enableTestCommands=1',))
        cls.addClassCleanup(cls.set.close)
        cls.addClassCleanup(setattr, harness, 'URI', harness.URI)
        harness.URI = cls.set.uri

    def setUp(self):
        self.system = System()
        self.addCleanup(self.system.close)
        self.system.add_domain()
        self.system.add_mailbox('ann@example.org')
        self.others = [p for p in self.set.ports
                       if p != self.set.primary_port()]
        self.addCleanup(self.hold, 'off')

    def hold(self, mode):
        for port in self.others:
            with contextlib.suppress(pymongo.errors.PyMongoError):
                self.set.direct(port, {'configureFailPoint':
                                       'disableSnapshotting', 'mode': mode})

    def fail_over(self):
        """The primary dies; the next one shows the past for a while."""
        killed = self.set.kill_primary()
        self.addCleanup(self.set.start, killed)
        wait_for(lambda: any(
            self.set.direct(p, 'hello')['isWritablePrimary']
            for p in self.others), 60, 'a primary')
        timer = threading.Timer(HELD_SECONDS, self.hold, ['off'])
        timer.start()
        self.addCleanup(timer.join)

    def dialog(self, program, *options, **how):
        d = harness.Dialog(self.system, program, *options, **how)
        self.addCleanup(d.close)
        return d

    def session(self):
        d = self.dialog('m3mta-imap', '--preauth', 'ann@example.org')
        d.line()
        return d

    def append(self, d, tag):
        d.send(f'{tag} APPEND INBOX {{3+}}\r\nx\r\n\r\n')
        self.assertIn(f'{tag} OK'.encode(), d.until(tag))

    def again(self, d, command, seconds=60):
        """Until it is answered other than that the database is away."""
        def ask():
            answer = d.imap('r', command)
            return None if b'[UNAVAILABLE]' in answer else answer
        return wait_for(ask, seconds, command)

    def new_imap_session(self):
        def ask():
            d = self.session()
            with contextlib.suppress(OSError):
                answer = d.imap('r', 'STATUS INBOX (MESSAGES)')
                return answer if b'MESSAGES' in answer else None
        return wait_for(ask, 60, 'STATUS')

    def new_smtp_session(self):
        d = self.dialog('m3mta-smtp', port=self.port)
        d.reply()
        d.smtp('EHLO a')
        d.smtp('MAIL FROM:<a@b.example>')
        return self.recipient(d)

    def test_after_a_failover_nobody_sees_less_than_was_acknowledged(self):
        self.port = self.system.serve('m3mta-smtp', 'smtp',
                                      options=('-o', 'server.max_use=9'))
        smtp = self.dialog('m3mta-smtp', port=self.port)
        smtp.reply()
        for line in ('EHLO a', 'MAIL FROM:<a@b.example>',
                     'RCPT TO:<ann@example.org>'):
            self.assertEqual(smtp.smtp(line)[:1], '2')
        writer, reader, looker = (self.session() for _ in range(3))
        self.append(writer, 'a')
        for d in (reader, looker):
            self.assertIn(b'1 EXISTS', d.imap('a', 'SELECT INBOX'))
        self.hold('alwaysOn')
        self.append(writer, 'b')
        self.assertIn(b'c OK', writer.imap('c', 'CREATE Later'))
        self.system.add_mailbox('new@example.org')
        self.fail_over()
        # All at once, while the past is what the primary would show.
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            asked = {
                'a new IMAP session': (pool.submit(
                    self.new_imap_session), b'MESSAGES 2'),
                'an open IMAP session': (pool.submit(
                    self.again, reader, 'STATUS Later (MESSAGES)'), b'r OK'),
                'a selected mailbox': (pool.submit(
                    self.again, looker, 'NOOP'), b'2 EXISTS'),
                'a new SMTP session': (pool.submit(
                    self.new_smtp_session), '250'),
                'an open SMTP session': (pool.submit(
                    self.recipient, smtp), '250')}
            for who, (answer, wanted) in asked.items():
                with self.subTest(who):
                    self.assertIn(wanted, answer.result())

    @staticmethod
    def recipient(d):
        end = time.monotonic() + 60
        while True:
            code = d.smtp('RCPT TO:<new@example.org>')[:3]
            if code[:1] != '4' or time.monotonic() > end:
                return code
            time.sleep(0.05)


if __name__ == '__main__':
    unittest.main()
