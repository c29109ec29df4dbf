"""IDLE across hosts: m3mta notify wakes the sessions of this host for what
another host (here: another runtime folder) changed."""
import os
import signal
import tempfile
import time
import unittest

from harness import Dialog, LiveTest, binary


class Notify(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')

    def idle(self, *options):
        d = Dialog(self.system, 'm3mta-imap', '--preauth', 'ann@example.org',
                   *options)
        self.addCleanup(d.close)
        d.line()
        d.imap('a', 'SELECT INBOX')
        d.send('b IDLE\r\n')
        self.assertEqual(d.line(), b'+ idling\r\n')
        return d

    def test_other_host(self):
        other = tempfile.mkdtemp(dir=self.system.folder)
        notify = self.system.start(
            [binary('m3mta'), '-c', self.system.config, '-o',
             f'runtime.dir={other}', 'notify'])
        time.sleep(1.5)
        near = self.idle()
        far = self.idle('-o', f'runtime.dir={other}')
        w = self.dialog('m3mta-imap', '--preauth', 'ann@example.org')
        w.line()
        for i in range(1, 4):
            w.imap('a', 'APPEND INBOX {3+}\r\nabc')
            # imap.idle.poll is 60 s and the socket waits 30 s: what comes
            # was not polled for.
            for d in (near, far):
                self.assertEqual(d.line(), b'* %d EXISTS\r\n' % i)
                d.line()
        for d in (near, far):
            d.send('DONE\r\n')
            self.assertIn(b'b OK', d.until('b'))
        os.kill(notify.pid, signal.SIGTERM)
        self.assertEqual(notify.wait(10), 0)


if __name__ == '__main__':
    unittest.main()
