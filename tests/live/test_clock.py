"""Hosts whose clocks are wrong, or are set while the programs run: every time
that is compared is the database server's."""
import datetime
import os
import signal
import time
import unittest

from fake_mta import FakeMta
from harness import Dialog, LiveTest, free_port, wait_for

DAY = 86400000


class Clock(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        s.set('remote.timeout', {'reply': '5s', 'connect': '2s'})
        s.set('remote.dead', {'wait': '1s'})
        s.set('retry', {'durations': [{'after': '1s'}], 'spread': '0s'})
        s.write_config()
        s.add_domain()
        s.add_mailbox('ann@example.org')
        s.m3mta('domain', 'add', 'far.example', '--delivery=relay',
                f'--route=127.0.0.1:{free_port()}')
        cls.file = s.folder + '/clock'

    def setUp(self):
        super().setUp()
        self.system.db.queue.delete_many({})
        self.system.db.limits.delete_many({})
        self.set_clock(0)
        self.system.m3mta('domain', 'set', 'far.example',
                          f'--route=127.0.0.1:{free_port()}')

    def set_clock(self, ms):
        with open(self.file + '.new', 'w') as f:
            f.write(str(ms))
        os.rename(self.file + '.new', self.file)

    def env(self):
        return {'M3MTA_CLOCK': self.file}

    def post(self, to):
        d = Dialog(self.system, 'm3mta-smtp', fault=True, env=self.env())
        d.reply()
        for line in ('EHLO a', 'MAIL FROM:<ann@example.org>',
                     f'RCPT TO:<{to}>', 'DATA'):
            self.assertIn(d.smtp(line)[:1], '23')
        self.assertTrue(d.smtp('Subject: x\r\n\r\nx\r\n.').startswith('250'))
        d.close()

    def inbox(self):
        return self.system.db.folders.find_one({'name': 'INBOX'})['exists']

    def server_now(self):
        return self.system.db.command('hello')['localTime']

    def test_a_handler_days_off_stamps_by_the_server(self):
        for ms in (-8 * DAY, 8 * DAY):
            self.set_clock(ms)
            self.post('x@far.example')
            item = self.system.db.queue.find_one(
                sort=[('created_at', -1 if ms > 0 else 1)])
            off = abs(item['created_at'] - self.server_now())
            self.assertLess(off, datetime.timedelta(minutes=1))
            self.assertEqual(item['expires_at'] - item['created_at'],
                             datetime.timedelta(days=7))

    def test_an_mda_days_ahead_bounces_nothing_early(self):
        before = self.inbox()
        self.post('x@far.example')
        self.set_clock(8 * DAY)
        self.system.mda(fault=True, env=self.env())
        item = self.system.db.queue.find_one()
        self.assertEqual(item['recipients'][0]['state'], 'P')
        last = item['recipients'][0]['last']
        self.assertLess(abs(last - self.server_now()),
                        datetime.timedelta(minutes=1))
        self.assertEqual(self.inbox(), before)

    def test_a_clock_that_is_set_while_the_loop_runs(self):
        """A day ahead: no spinning, nothing deferred for a day. An hour
        back: what is due is seen."""
        mda = self.system.start_mda(fault=True, env=self.env())
        self.addCleanup(self.system.stop, mda)
        self.post('x@far.example')
        tries = self.attempts
        wait_for(lambda: tries() >= 1, 30, 'the first attempt')
        for ms in (DAY, -DAY // 24):
            self.set_clock(ms)
            n = tries()
            wait_for(lambda: tries() >= n + 2, 60, 'two more attempts')
        fake = FakeMta()
        self.addCleanup(fake.close)
        self.system.m3mta('domain', 'set', 'far.example',
                          f'--route=127.0.0.1:{fake.port}')
        wait_for(lambda: fake.messages, 60, 'the delivery')
        wait_for(lambda: not self.system.db.queue.count_documents(
            {'recipients': {'$exists': True}}), 30, 'an empty queue')

    def attempts(self):
        item = self.system.db.queue.find_one()
        return item['attempts'] if item else 0

    def test_what_a_client_saves_expires_by_the_server(self):
        """By a handler that is days behind: what was appended, copied and
        moved to Trash is as young as the server says."""
        self.system.set('expire', {'trash': '1d'})
        self.system.write_config()
        self.set_clock(-8 * DAY)
        d = self.dialog('m3mta-imap', '--preauth', 'ann@example.org',
                        fault=True, env=self.env())
        d.line()
        for n, folder in enumerate(('Trash', 'Sent', 'Sent')):
            d.send(f'a{n} APPEND {folder} {{2+}}\r\nx\n\r\n')
            self.assertIn(b' OK ', d.until(f'a{n}'))
        for command in ('SELECT Sent', 'COPY 1 Trash', 'MOVE 2 Trash',
                        'SELECT Trash'):
            self.assertIn(b'a OK', d.imap('a', command))
        self.system.mda()
        self.assertIn(b'* SEARCH 1 2 3\r\n',
                      d.imap('b', 'SEARCH YOUNGER 3600'))
        self.assertIn(b'* 3 FETCH', d.imap('c', 'FETCH 1:* SAVEDATE'))

    def test_an_idle_loop_with_a_wrong_clock_does_not_spin(self):
        self.post('x@far.example')
        self.system.db.queue.update_many({}, [{'$set': {
            'next_at': {'$add': ['$$NOW', 600000]}}}])
        mda = self.system.start_mda(fault=True, env=self.env())
        self.addCleanup(self.system.stop, mda)
        time.sleep(1.5)
        self.set_clock(DAY)
        pid = mda.pid
        before = self.ticks(pid)
        time.sleep(3)
        # 350 commands a second were most of a core.
        self.assertLess(self.ticks(pid) - before,
                        1.0 * os.sysconf('SC_CLK_TCK'))

    @staticmethod
    def ticks(pid):
        with open(f'/proc/{pid}/stat') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        return int(fields[11]) + int(fields[12])


class Deaths(LiveTest):
    def test_the_parent_tells_of_a_child_that_a_signal_ended(self):
        port = self.system.serve('m3mta-smtp', 'smtp')
        d = self.dialog('m3mta-smtp', port=port)
        d.reply()
        os.kill(d.server_pid(), signal.SIGSEGV)
        self.assertTrue(d.is_closed())
        wait_for(lambda: 'event=child-died' in self.system.logs(), 10,
                 'the log line')
        self.assertIn('signal=11', self.system.logs())


if __name__ == '__main__':
    unittest.main()
