"""No stranger holds delivery up: hosts that never answer, many of them, at
one address or many; and the end of the program while they do not."""
import os
import resource
import signal
import socket
import subprocess
import time
import unittest

from fake_mta import FakeMta
from harness import binary, children, wait_for
from test_leases import LeaseTest

SILENT = {'connect': 'silent'}


class CourierTest(LeaseTest):
    @classmethod
    def prepare(cls):
        super().prepare()
        s = cls.system
        s.set('remote.timeout.reply', '300s')
        s.set('mda.loop.interval', '5s')
        s.write_config()
        s.m3mta('domain', 'add', 'good.example', '--delivery=relay',
                '--route=127.0.0.1:1')

    def one(self, to='bob@example.org'):
        """A local message; seconds until it is in its mailbox."""
        before = self.inbox('bob')
        start = time.monotonic()
        self.post(to)
        wait_for(lambda: self.inbox('bob') > before, 30, 'local mail')
        return time.monotonic() - start

    def given_back(self):
        """All that waits is due now, as if nobody had touched it."""
        now = self.system.db.command('hello')['localTime']
        for item in self.waiting():
            self.assertFalse(item['leased'], item)
            self.assertEqual((item['starts'], item['attempts']), (0, 0))
            self.assertLessEqual(item['next_at'], now)


class Forms(CourierTest):
    """As the unit starts it, and as a timer and a doorbell do."""

    def passed_in(self, *options):
        """With the doorbell as descriptor 3."""
        s = self.system
        path = s.folder + '/mda.sock'
        if os.path.exists(path):
            os.unlink(path)
        bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(bell.close)
        bell.bind(path)
        argv = ['sh', '-c', 'exec 3<&0 </dev/null; LISTEN_FDS=1 '
                'LISTEN_PID=$$ exec "$@"', 'sh', binary('m3mta-mda'), '-c',
                s.config, *options]
        log = open(s.folder + '/log-form', 'wb')
        self.addCleanup(log.close)
        process = subprocess.Popen(argv, stdin=bell, stdout=log, stderr=log,
                                   start_new_session=True)
        self.addCleanup(s.stop, process)
        return process

    def check(self, *options):
        silent = self.fake('slow.example', script=SILENT)
        self.post('u@slow.example')
        mda = self.passed_in(*options)
        wait_for(lambda: silent.at_once, 30, 'the courier')
        for _ in range(3):
            self.one()
        self.assertEqual(silent.sessions, 1)
        mda.send_signal(signal.SIGTERM)
        self.assertEqual(mda.wait(20), 0)
        wait_for(lambda: not silent.at_once, 5, 'the end of the courier')
        self.assertEqual(len(self.waiting()), 1)
        self.given_back()

    def test_a_silent_host_and_local_mail_in_the_form_of_the_unit(self):
        self.check('--loop')

    def test_a_silent_host_and_local_mail_with_a_timer(self):
        self.check()


class Crowds(CourierTest):
    def domains(self, names, port):
        """Each a destination of its own, since each has a login."""
        self.system.db.domains.insert_many([
            dict(self.template(), _id=name, route=f'127.0.0.1:{port}',
                 route_login=name, route_password='x') for name in names])
        self.addCleanup(self.system.db.domains.delete_many,
                        {'_id': {'$in': names}})

    def template(self):
        return self.system.db.domains.find_one({'_id': 'good.example'})

    def test_many_destinations_that_wait_do_not_delay_local_mail(self):
        fake = FakeMta(SILENT)
        self.addCleanup(fake.close)
        names = [f'd{i}.example' for i in range(100)]
        self.domains(names, fake.port)
        for name in names:
            self.post(f'u@{name}')
        self.start()
        wait_for(lambda: fake.at_once, 30, 'the first couriers')
        delays = [self.one() for _ in range(4)]
        self.assertLess(max(delays), 10)

    def test_silent_names_of_one_address_leave_room_for_others(self):
        fake = FakeMta(SILENT)
        self.addCleanup(fake.close)
        good = self.fake('good.example')
        other = socket.create_server(('127.0.0.2', 0))
        other_fake = FakeMta(listener=other)
        self.addCleanup(other_fake.close)
        self.system.m3mta(
            'domain', 'set', 'good.example',
            f'--route=127.0.0.2:{other_fake.port}')
        names = [f'e{i}.example' for i in range(30)]
        self.domains(names, fake.port)
        for name in names:
            self.post(f'u@{name}')
        self.start()
        wait_for(lambda: fake.at_once >= 10, 60, 'silent sessions')
        self.post('u@good.example')
        wait_for(lambda: other_fake.messages, 20, 'the good destination')
        self.assertEqual(good.messages, [])
        self.assertLessEqual(fake.most_at_once, 10)


class Shortage(CourierTest):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.system.set('remote.sessions', 3)
        cls.system.set('remote.timeout.short', '2s')
        cls.system.write_config()

    def silent_at(self, last):
        fake = FakeMta(SILENT, listener=socket.create_server(
            (f'127.0.0.{last}', 0)))
        self.addCleanup(fake.close)
        return fake

    def test_who_does_not_answer_gets_less_time_while_places_are_short(self):
        """Two of three processes are for anybody; all are silent."""
        fakes = [self.silent_at(last) for last in (3, 4, 5, 6)]
        for domain, fake, last in zip(
                ('slow.example', 'big.example', 'late.example'), fakes,
                (3, 4, 5)):
            self.system.m3mta('domain', 'set', domain,
                              f'--route=127.0.0.{last}:{fake.port}')
            self.post(f'u@{domain}')
        self.start()
        wait_for(lambda: all(f.sessions for f in fakes[:3]), 60,
                 'the third one, in a place that a silent one left')

    def test_a_place_is_kept_for_who_answered_lately(self):
        good = FakeMta(listener=socket.create_server(('127.0.0.7', 0)))
        self.addCleanup(good.close)
        self.system.set('remote.timeout.short', '100s')
        self.system.write_config()
        self.addCleanup(self.system.write_config)
        self.addCleanup(self.system.set, 'remote.timeout.short', '2s')
        self.system.m3mta('domain', 'set', 'good.example',
                          f'--route=127.0.0.7:{good.port}')
        self.start()
        self.post('u@good.example')
        wait_for(lambda: good.messages, 30, 'the good destination')
        silent = [self.silent_at(last) for last in (3, 4)]
        for domain, fake, last in zip(('slow.example', 'big.example'),
                                      silent, (3, 4)):
            self.system.m3mta('domain', 'set', domain,
                              f'--route=127.0.0.{last}:{fake.port}')
            self.post(f'u@{domain}')
        wait_for(lambda: all(f.at_once for f in silent), 30, 'silent ones')
        self.post('u@good.example')
        wait_for(lambda: len(good.messages) == 2, 20, 'the place kept')


class Doorbell(CourierTest):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.system.set('mda.loop.interval', '3600s')
        cls.system.write_config()

    def test_what_a_person_makes_due_is_tried_at_once(self):
        """Not when the loop looks the next time."""
        s = self.system
        self.start()
        self.one()  # it has looked
        for verb in ('retry', 'release', 'bounce'):
            before = self.inbox('ann' if verb == 'bounce' else 'bob')
            self.post('bob@example.org' if verb != 'bounce'
                      else 'u@slow.example', now=False)
            item, = self.waiting()
            s.m3mta('queue', verb, str(item['_id']))
            wait_for(lambda: not self.waiting(), 30, verb)
            wait_for(lambda: self.inbox(
                'ann' if verb == 'bounce' else 'bob') > before, 30, verb)

    def post(self, to, now=True):
        """Not now: as if it waited, or was held, when it came in."""
        if now:
            super().post(to)
            return
        bell = self.system.folder + '/mda.sock'
        os.rename(bell, bell + '.away')
        super().post(to)
        self.system.db.queue.update_many({}, [{'$set': {
            'next_at': {'$add': ['$$NOW', 3600000]}}}])
        os.rename(bell + '.away', bell)


class Deaths(CourierTest):
    """What dies of a signal is in the log, with the signal."""

    def log_has(self, *words):
        return lambda: all(w in self.system.logs() for w in words)

    def test_a_courier_and_a_worker_that_die_are_logged(self):
        fake = self.fake('slow.example', script=SILENT)
        self.post('u@slow.example')
        mda = self.start()
        wait_for(lambda: fake.at_once, 30, 'the courier')
        worker, = children(mda.pid, 'm3mta-mda')
        # The collector of garbage is a child as well, for a moment.
        courier, = children(worker, 'm3mta-courier')
        os.kill(courier, signal.SIGKILL)
        wait_for(self.log_has('event=courier-died',
                              f'pid={courier} signal=9'), 20, 'the line')
        self.one()  # the loop goes on
        os.kill(worker, signal.SIGSEGV)
        mda.wait(20)
        self.assertEqual(mda.returncode, -signal.SIGSEGV)
        self.assertIn('event=worker-died', self.system.logs())
        self.assertIn(f'pid={worker} signal=11', self.system.logs())


class Success(CourierTest):
    """NOTIFY=SUCCESS from outside, to hosts that do not answer."""

    def test_who_may_relay_by_the_document_of_smtp_is_inside(self):
        """The network stands where only m3mta-smtp reads it."""
        s = self.system
        s.set('report.success.outside', 1)
        s.write_config()
        self.addCleanup(s.write_config)
        self.addCleanup(s.settings.pop, 'report')
        s.m3mta('domain', 'set', 'slow.example', '--route=127.0.0.1:1')
        s.m3mta('config', 'set', 'smtp', 'smtp.relay.networks', '127.0.0.1')
        for n in (3, 1):
            port = s.serve('m3mta-smtp', 'smtp')
            for i in range(3):
                d = self.dialog('m3mta-smtp', port=port)
                d.reply()
                for line in ('EHLO a', f'MAIL FROM:<s{i}@slow.example>',
                             'RCPT TO:<bob@example.org> NOTIFY=SUCCESS',
                             'DATA'):
                    self.assertIn(d.smtp(line)[:1], '23')
                self.assertTrue(
                    d.smtp('A: b\r\n\r\nx\r\n.').startswith('250'))
                d.close()
            s.mda()
            self.assertEqual(self.reports(), n)
            s.db.queue.delete_many({})
            s.db.limits.delete_many({})
            s.m3mta('config', 'unset', 'smtp', 'smtp.relay.networks')

    def ask(self, peer, sender):
        self.post('bob@example.org', sender=sender, rcpt=' NOTIFY=SUCCESS')
        self.system.db.queue.update_many(
            {'sender': sender}, {'$set': {'peer': f'[{peer}]:25'}})

    def reports(self):
        return self.system.db.queue.count_documents({'origin': 'success'})

    def test_reports_of_success_that_outsiders_ask_for_are_few(self):
        s = self.system
        s.set('report.success.outside', 3)
        s.write_config()
        self.addCleanup(s.write_config)
        self.addCleanup(s.settings.pop, 'report')
        before = self.inbox('bob')
        for i in range(5):
            self.ask(f'192.0.2.{i}', f'x{i}@slow.example')
        self.ask('198.51.100.1', 'y@slow.example')
        done = s.mda()
        self.assertEqual(self.inbox('bob'), before + 6)
        self.assertEqual(self.reports(), 3 + 1)
        self.assertEqual(done.stderr.count(b'event=not-reported'), 2)
        # One that has ended leaves its place to the next.
        fake = self.fake('slow.example')
        s.db.limits.delete_many({'_id': {'$regex': '^slots 127'}})
        s.m3mta('queue', 'retry', '--domain=slow.example')
        s.mda()
        self.assertEqual(len(fake.messages), 4)
        self.ask('192.0.2.7', 'z@slow.example')
        done = s.mda()
        self.assertNotIn(b'event=not-reported', done.stderr)
        self.assertEqual(len(fake.messages), 5)


class Ends(CourierTest):
    def test_told_to_end_with_a_batch_under_way(self):
        """One waits for a reply, 49 of its claim behind it: all given back,
        and sent once when it starts again."""
        self.system.set('remote.concurrency', 1)
        self.system.write_config()
        self.addCleanup(self.system.write_config)
        self.addCleanup(self.system.set, 'remote.concurrency', 10)
        fake = self.fake('slow.example', delays={'RCPT': 60})
        for i in range(50):
            self.post(f'u{i}@slow.example')
        mda = self.start()
        wait_for(lambda: any(c.startswith('RCPT') for c in fake.commands),
                 30, 'the dialog')
        mda.send_signal(signal.SIGTERM)
        self.assertEqual(mda.wait(20), 0)
        self.assertEqual(len(self.waiting()), 50)
        self.given_back()
        fake.delays.clear()
        self.start()
        wait_for(lambda: not self.waiting(), 60, 'an empty queue')
        self.assertEqual(len(fake.messages), 50)
        self.assertEqual(len({e[0] for e, _ in fake.messages}), 50)

    def test_told_to_end_while_a_filter_runs(self):
        s = self.system
        s.set('filters', [{'run': '/bin/sleep 60', 'timeout': '100s'}])
        s.write_config()
        self.addCleanup(s.write_config)
        self.addCleanup(s.settings.pop, 'filters')
        self.post('bob@example.org')
        mda = self.start()
        wait_for(lambda: self.waiting()[0].get('leased'), 30, 'the claim')
        time.sleep(1)
        mda.send_signal(signal.SIGTERM)
        self.assertEqual(mda.wait(20), 0)
        self.given_back()

    @unittest.skipIf(os.getuid(), 'only root can be another user')
    def test_no_more_processes_are_no_end(self):
        """Where fork fails local mail is delivered and the rest waits, as
        if never claimed."""
        s = self.system
        self.fake('slow.example')
        uid = 64000 + os.getpid() % 1000
        for path in (s.folder, s.config):
            os.chmod(path, 0o755)
        before = self.inbox('bob')
        for _ in range(3):
            self.post('u@slow.example')
            self.post('bob@example.org')

        def become():
            os.setgid(uid)
            # The first process, its worker, and nothing more.
            resource.setrlimit(resource.RLIMIT_NPROC, (2, 2))
            os.setuid(uid)

        log = open(s.folder + '/log-nproc', 'wb')
        self.addCleanup(log.close)
        copy = s.folder + '/m3mta-mda'
        with open(binary('m3mta-mda'), 'rb') as f, open(copy, 'wb') as t:
            t.write(f.read())
        os.chmod(copy, 0o755)
        mda = subprocess.Popen(
            [copy, '-c', s.config, '--loop', '-o', 'log.journal=false'],
            preexec_fn=become, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, start_new_session=True)
        self.addCleanup(s.stop, mda)
        wait_for(lambda: self.inbox('bob') == before + 3, 30, 'local mail')
        wait_for(lambda: b'fork-failed' in open(
            s.folder + '/log-nproc', 'rb').read(), 30, 'the failure')
        s.stop(mda)
        self.assertEqual(len(self.waiting()), 3)
        self.assertEqual({(i['starts'], i['attempts'], i['leased'])
                          for i in self.waiting()}, {(0, 0, False)})

    def test_the_database_is_away_while_it_is_told_to_end(self):
        """Nothing can be given back: it ends in time all the same, and the
        leases end by themselves."""
        self.fake('slow.example', script=SILENT)
        self.post('u@slow.example')
        s = self.system
        mda = self.start()
        wait_for(lambda: self.waiting()[0].get('leased'), 30, 'the claim')
        s.client.admin.command({
            'configureFailPoint': 'failCommand', 'mode': 'alwaysOn',
            'data': {'failCommands': ['update', 'findAndModify', 'find',
                                      'aggregate'],
                     'errorCode': 91, 'blockConnection': True,
                     'blockTimeMS': 3000, 'appName': 'm3mta-mda'}})
        try:
            mda.send_signal(signal.SIGTERM)
            self.assertEqual(mda.wait(22), 0)
        finally:
            s.client.admin.command({'configureFailPoint': 'failCommand',
                                    'mode': 'off'})
        fake = self.fake('slow.example')
        self.start()
        wait_for(lambda: fake.messages, 60, 'the next claim')


del CourierTest, LeaseTest

if __name__ == '__main__':
    unittest.main()
