"""Leases that tell the truth: slow hosts, slow filters, workers that stand
still, and people who act on what is under way. Everything arrives once."""
import os
import signal
import threading
import time
import unittest

from fake_mta import FakeMta
from harness import LiveTest, children, wait_for

SLOW = ('slow.example', 'big.example', 'late.example')


class LeaseTest(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        s.set('mda.lease', '10s')
        s.set('mda.loop.interval', '2s')
        s.set('remote.timeout', {'reply': '30s', 'connect': '5s'})
        s.write_config()
        s.add_domain()
        for name in ('ann', 'bob'):
            s.add_mailbox(f'{name}@example.org')
        for domain in SLOW:
            s.m3mta('domain', 'add', domain, '--delivery=relay',
                    '--route=127.0.0.1:1')

    def setUp(self):
        super().setUp()
        self.system.db.queue.delete_many({})
        self.system.db.limits.delete_many({})

    def fake(self, domain, **how):
        fake = FakeMta(**how)
        self.addCleanup(fake.close)
        self.system.m3mta('domain', 'set', domain,
                          f'--route=127.0.0.1:{fake.port}')
        return fake

    def post(self, *recipients, size=10, sender='ann@example.org', rcpt=''):
        d = self.dialog('m3mta-smtp')
        d.reply()
        for line in ('EHLO a', f'MAIL FROM:<{sender}>',
                     *[f'RCPT TO:<{r}>{rcpt}' for r in recipients], 'DATA'):
            self.assertIn(d.smtp(line)[:1], '23')
        answer = d.smtp('Subject: x\r\n\r\n' + ('x' * 998 + '\r\n') *
                        (size // 1000 + 1) + '.')
        self.assertTrue(answer.startswith('250'), answer)
        d.close()

    def start(self, *options, env=None, fault=False):
        s = self.system
        process = s.start([s.binary('m3mta-mda', fault), '-c', s.config,
                           '--loop', *options], env=env)
        self.addCleanup(s.stop, process)
        return process

    def waiting(self):
        return list(self.system.db.queue.find(
            {'recipients': {'$exists': True}}))

    def inbox(self, name='ann'):
        owner = self.system.db.mailboxes.find_one(
            {'_id': f'{name}@example.org'})['owner']
        return self.system.db.folders.find_one(
            {'name': 'INBOX', 'owner': owner})['exists']

    def end_leases(self):
        self.system.db.queue.update_many(
            {}, [{'$set': {'next_at': '$$NOW'}}])


class Leases(LeaseTest):
    def test_slow_hosts_get_everything_once(self):
        """Many recipients, a thin line, late replies: each longer than the
        lease."""
        fakes = [self.fake('slow.example', delays={'RCPT': 0.35}),
                 self.fake('big.example', rate=200000),
                 self.fake('late.example', delays={
                     'MAIL': 3, 'RCPT': 3, 'DATA': 3, 'end': 3})]
        self.post(*[f'u{i}@slow.example' for i in range(45)])
        self.post('u@big.example', size=3000000)
        for _ in range(2):
            self.post('u@late.example')
        for _ in range(2):
            self.start()
        wait_for(lambda: not self.waiting(), 120, 'an empty queue')
        self.assertEqual([len(f.messages) for f in fakes], [1, 1, 2])

    def couriers(self, parent):
        """The processes under it that talk to a remote system; a worker has
        the collector of garbage as a child as well."""
        return [c for child in children(parent, 'm3mta-mda')
                for c in children(child, 'm3mta-courier')]

    def test_a_courier_that_stood_still_does_not_send_the_final_dot(self):
        held, go_on = threading.Event(), threading.Event()

        class Freezing(FakeMta):
            def act(self, sock, stage, good):
                if stage == 'DATA' and not held.is_set():
                    held.set()
                    go_on.wait(60)
                return super().act(sock, stage, good)

        fake = Freezing()
        self.addCleanup(fake.close)
        self.system.m3mta('domain', 'set', 'slow.example',
                          f'--route=127.0.0.1:{fake.port}')
        self.post('u@slow.example')
        first = self.start()
        wait_for(held.is_set, 30, 'the first session')
        frozen = self.couriers(first.pid) or children(first.pid, 'm3mta-mda')
        self.assertEqual(len(frozen), 1)
        os.kill(frozen[0], signal.SIGSTOP)
        self.addCleanup(self.let_go, frozen[0])
        self.start()
        wait_for(lambda: fake.messages, 60, 'the second courier')
        go_on.set()
        os.kill(frozen[0], signal.SIGCONT)
        wait_for(lambda: not self.alive(frozen[0]), 60, 'its end')
        self.assertEqual(len(fake.messages), 1)
        self.assertEqual(self.waiting(), [])

    @staticmethod
    def let_go(pid):
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass

    @staticmethod
    def alive(pid):
        try:
            with open(f'/proc/{pid}/stat') as f:
                return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
        except OSError:
            return False

    def test_a_worker_that_lost_its_lease_and_lives_was_no_death(self):
        """It stood still, another one began; when it goes on its start is
        taken back, while the other one is at work."""
        fake = self.fake('slow.example', delays={'RCPT': 60})
        self.post('u@slow.example')
        first = self.start()
        wait_for(lambda: any(c.startswith('RCPT') for c in fake.commands),
                 30, 'the first session')
        frozen, = self.couriers(first.pid)
        os.kill(frozen, signal.SIGSTOP)
        self.addCleanup(self.let_go, frozen)
        self.start()
        wait_for(lambda: self.waiting()[0]['starts'] == 2, 60,
                 'the second claim')
        os.kill(frozen, signal.SIGCONT)
        wait_for(lambda: self.waiting()[0]['starts'] == 1, 20,
                 'the start that is given back')
        self.assertTrue(self.waiting()[0]['leased'])

    def test_what_a_worker_has_is_left_alone(self):
        fake = self.fake('slow.example', delays={'RCPT': 8})
        self.post('u@slow.example')
        self.start()
        wait_for(lambda: any(c.startswith('RCPT') for c in fake.commands),
                 30, 'the dialog')
        for verb in ('retry', 'bounce', 'hold', 'delete'):
            done = self.system.run(
                [self.system.binary('m3mta'), '-c', self.system.config,
                 'queue', verb, '--domain=slow.example'], code=1)
            self.assertIn(b'being delivered at this moment', done.stderr)
        self.assertIn('sending', self.system.m3mta('queue', 'list'))
        wait_for(lambda: not self.waiting(), 60, 'an empty queue')
        self.assertEqual(len(fake.messages), 1)
        self.assertEqual(fake.sessions, 1)

    def test_slow_filters_hold_up_no_lease(self):
        s = self.system
        s.set('filters', [{'run': '/bin/sleep 1'}])
        s.write_config()
        self.addCleanup(s.write_config)
        self.addCleanup(s.settings.pop, 'filters')
        before = self.inbox()
        for _ in range(16):
            self.post('ann@example.org', sender='x@example.net')
        for _ in range(2):
            self.start()
        wait_for(lambda: not self.waiting(), 90, 'an empty queue')
        self.assertEqual(self.inbox(), before + 16)


if __name__ == '__main__':
    unittest.main()
