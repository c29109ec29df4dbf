"""A next mail system that fails at each stage in each way: what becomes of
the message. And the rules between sessions: concurrency, dead hosts."""
import base64
import socket
import unittest

from fake_mta import STAGES, FakeMta
from harness import LiveTest, binary, free_port, wait_for

PIPELINING = ('PIPELINING', '8BITMIME', 'SIZE 1000000')
# Stage, action: what becomes of the message.
RETRY, BOUNCE, SENT = 'retry', 'bounce', 'sent'
CASES = [(stage, action, RETRY) for stage in STAGES
         for action in ('hang', 'close', 'garbage', 'endless', 'long',
                        '421 4.3.2 bye', '450 4.0.0 later')]
CASES += [
    ('connect', '554 5.0.0 no', RETRY),
    ('EHLO', '554 5.0.0 no', RETRY),
    ('MAIL', '550 5.1.8 no', BOUNCE),
    ('RCPT', '550 5.1.1 no', BOUNCE),
    ('DATA', '554 5.5.1 no', BOUNCE),
    ('end', '554 5.6.0 no', BOUNCE),
    # Not what the protocol foresees, and no reason to give mail up.
    ('DATA', '250 2.0.0 what', RETRY),
    ('MAIL', '354 what', RETRY),
    ('none', '', SENT),
]
TOGETHER = 8


class RemoteFaults(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        s.set('remote.timeout', {'reply': '2s', 'connect': '2s'})
        s.write_config()
        s.add_domain()
        s.add_mailbox('ann@example.org')
        s.m3mta('domain', 'add', 'far.example', '--delivery=relay',
                '--route=127.0.0.1:1')

    def fake(self, script=None, extensions=(), **how):
        fake = FakeMta(script, extensions, **how)
        self.addCleanup(fake.close)
        self.route(fake)
        self.system.db.limits.delete_many({})
        return fake

    def route(self, fake, *options, domain='far.example'):
        self.system.m3mta('domain', 'set', domain,
                          f'--route=127.0.0.1:{fake.port}', *options)

    def post(self, *recipients, params='', rcpt='', body='Subject: x\r\n\r\n'
             '..x\r\n'):
        d = self.dialog('m3mta-smtp')
        d.reply()
        d.smtp('EHLO me.example')
        d.smtp(f'MAIL FROM:<ann@example.org>{params}')
        for address in recipients or ['bob@far.example']:
            d.smtp(f'RCPT TO:<{address}>{rcpt}')
        self.assertTrue(d.smtp('DATA').startswith('354'))
        d.send(body.replace('\n..', '\n...') + '.\r\n')
        self.assertTrue(d.reply()[0].startswith('250'))
        d.close()

    def systems(self, cases, extensions):
        """A mail system for each, at an address of its own: a domain each."""
        db, fakes = self.system.db, {}
        template = db.domains.find_one({'_id': 'far.example'})
        for i, (stage, action, _) in enumerate(cases):
            listener = socket.create_server((f'127.0.3.{i + 1}', 0))
            fake = FakeMta({stage: action}, extensions, listener=listener)
            self.addCleanup(fake.close)
            name = f'c{i}.example'
            fakes[name] = fake
            db.domains.replace_one({'_id': name}, dict(
                template, _id=name,
                route=f'127.0.3.{i + 1}:{fake.port}'), upsert=True)
        return fakes

    def check(self, cases, extensions):
        """Several at a time: what hangs, hangs together."""
        db = self.system.db
        db.queue.delete_many({})
        db.limits.delete_many({})
        fakes = self.systems(cases, extensions)
        for name in fakes:
            self.post('bob@' + name)
        before = self.inbox()
        self.system.mda()
        bounced = 0
        for (name, fake), case in zip(fakes.items(), cases):
            with self.subTest(case[:2]):
                item = db.queue.find_one({'recipients.address':
                                          'bob@' + name})
                got = (RETRY if item else SENT if fake.messages else BOUNCE)
                self.assertEqual(got, case[2], (item, fake.commands))
                self.assertEqual(len(fake.messages), int(got == SENT))
                bounced += got == BOUNCE
                if item:
                    self.assertEqual(item['attempts'], 1)
                    self.assertEqual(item['recipients'][0]['state'], 'P')
                    self.assertTrue(item['recipients'][0]['text'])
        self.assertEqual(self.inbox(), before + bounced)

    def check_all(self, cases, extensions):
        for i in range(0, len(cases), TOGETHER):
            self.check(cases[i:i + TOGETHER], extensions)
        self.system.db.queue.delete_many({})

    def inbox(self):
        return self.system.db.folders.find_one({'name': 'INBOX'})['exists']

    def test_each_failure(self):
        self.check_all(CASES, ())

    def test_each_failure_pipelined(self):
        self.check_all([c for c in CASES if c[0] not in ('connect', 'EHLO')],
                       PIPELINING)
        self.system.verify()

    def test_starttls_that_fails(self):
        """Offered, begun and not done: in clear when the policy is may,
        never when it is must."""
        self.addCleanup(self.system.m3mta, 'domain', 'set', 'far.example',
                        '--tls=may')
        for policy, want in (('must', RETRY), ('may', SENT)):
            for handshake in ('250 what', 'garbage', 'close'):
                with self.subTest(policy=policy, handshake=handshake):
                    self.system.db.queue.delete_many({})
                    fake = self.fake({'STAR': '220 go', 'tls': handshake},
                                     ('STARTTLS',))
                    self.route(fake, '--tls=' + policy)
                    self.post()
                    self.system.mda()
                    self.assertEqual(len(fake.messages), int(want == SENT),
                                     fake.commands)
                    self.assertEqual(
                        self.system.db.queue.count_documents({}),
                        int(want == RETRY))

    def test_one_of_many(self):
        for extensions in ((), PIPELINING):
            fake = self.fake({}, extensions)
            self.post(*[f'u{i}@far.example' for i in range(250)])
            self.system.mda()
            # One session, a hundred recipients at a time.
            self.assertEqual(fake.sessions, 1)
            self.assertEqual([len(e) for e, _ in fake.messages],
                             [100, 100, 50])
            self.assertEqual(len({x for e, _ in fake.messages for x in e}),
                             250)

    def test_more_recipients_than_are_remembered(self):
        """One claim with more addresses than the cache of answers holds:
        what it said of the first stays true to the end."""
        fake = self.fake({}, PIPELINING)
        want = {f'm{i}u{k}@far.example' for i in range(45)
                for k in range(100)}
        for i in range(45):
            self.post(*[f'm{i}u{k}@far.example' for k in range(100)])
        self.system.mda()
        self.assertEqual(self.system.db.queue.count_documents({}), 0)
        got = [x.decode().split('<')[1].split('>')[0]
               for e, _ in fake.messages for x in e]
        self.assertEqual(len(got), len(want))
        self.assertEqual(set(got), want)

    def test_session_is_used_again(self):
        fake = self.fake({}, PIPELINING)
        for _ in range(5):
            self.post()
        done = self.system.mda()
        self.assertEqual(len(fake.messages), 5, done.stderr.decode())
        self.assertLess(fake.sessions, 5)

    def test_dsn_parameters(self):
        fake = self.fake({}, PIPELINING + ('DSN',))
        before = self.inbox()
        self.post(params=' RET=HDRS ENVID=abc+2Bd',
                  rcpt=' NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bo@x')
        self.system.mda()
        self.assertIn('RET=HDRS ENVID=abc+2Bd', fake.commands[1])
        self.assertIn('NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bo@x',
                      fake.commands[2])
        self.assertEqual(self.inbox(), before)  # the next one reports
        self.fake({}, PIPELINING)
        self.post(rcpt=' NOTIFY=SUCCESS')
        self.system.mda()
        self.assertEqual(self.inbox(), before + 1)
        d = self.dialog('m3mta-imap', '--preauth', 'ann@example.org')
        d.line()
        d.imap('a', 'SELECT INBOX')
        self.assertIn(b'Action: relayed', d.imap('b', 'FETCH * BODY[]'))

    def patient_mda(self):
        """Where no reply is late on purpose."""
        self.system.run([binary('m3mta-mda'), '-c', self.system.config,
                         '-o', 'remote.timeout.reply=60s'])

    def test_helo_after_ehlo(self):
        """A server of RFC 821: nothing of what it does not know is said."""
        fake = self.fake({'EHLO': '502 5.5.1 what', 'HELO': '250 fake'},
                         PIPELINING + ('DSN', 'SMTPUTF8'))
        self.post(params=' BODY=8BITMIME RET=FULL ENVID=x SIZE=100',
                  rcpt=' NOTIFY=FAILURE')
        self.patient_mda()
        self.assertEqual([c[:4] for c in fake.commands],
                         ['EHLO', 'HELO', 'MAIL', 'RCPT', 'DATA', 'QUIT'])
        self.assertEqual(fake.commands[2], 'MAIL FROM:<ann@example.org>')
        self.assertEqual(fake.commands[3], 'RCPT TO:<bob@far.example>')

    def test_parameters_that_are_offered(self):
        fake = self.fake({}, ('SIZE', '8BITMIME', 'SMTPUTF8'))
        self.post(params=' BODY=8BITMIME SMTPUTF8')
        size = self.system.db.queue.find_one()['size']
        self.patient_mda()
        self.assertEqual(
            fake.commands[1], f'MAIL FROM:<ann@example.org> SIZE={size} '
            'BODY=8BITMIME SMTPUTF8')
        fake = self.fake({}, ())
        self.post(params=' BODY=8BITMIME')
        self.patient_mda()
        self.assertEqual(fake.commands[1], 'MAIL FROM:<ann@example.org>')

    def test_smarthost_of_a_domain_with_auth(self):
        path = self.system.folder + '/password'
        with open(path, 'w') as f:
            f.write('secret\n')
        self.addCleanup(
            self.system.m3mta, 'domain', 'set', 'far.example',
            '--route-login=', '--tls=may')
        plain = base64.b64encode(b'\0hub\0secret').decode()
        for offer, script, want in (
                ('AUTH PLAIN LOGIN', {'AUTH': '235 2.7.0 yes'},
                 ['AUTH PLAIN ' + plain]),
                ('AUTH LOGIN', {'AUTH': '334 VXNlcm5hbWU6',
                                'AHVI': '334 UGFzc3dvcmQ6',
                                'C2VJ': '235 2.7.0 yes'},
                 ['AUTH LOGIN', 'aHVi', 'c2VjcmV0'])):
            fake = self.fake(script, (offer,))
            self.route(fake, '--route-login=hub',
                       f'--route-password-file={path}', '--tls=never')
            self.post()
            self.patient_mda()
            self.assertEqual(fake.commands[1:1 + len(want)], want)
            self.assertEqual(len(fake.messages), 1)

    def test_smtputf8_is_needed(self):
        fake = self.fake({}, PIPELINING)
        before = self.inbox()
        self.post('b\u00f6b@far.example', 'bob@far.example',
                  params=' SMTPUTF8')
        self.system.mda()
        self.assertEqual(len(fake.messages), 1)
        self.assertEqual(fake.messages[0][0], [b'RCPT TO:<bob@far.example>'
                                               b'\r\n'])
        self.assertEqual(self.inbox(), before + 1)

    def test_dead_destination_is_probed_once(self):
        self.system.m3mta('domain', 'set', 'far.example',
                          f'--route=127.0.0.1:{free_port()}')
        self.system.db.limits.delete_many({})
        self.system.db.queue.delete_many({})
        for _ in range(20):
            self.post()
        self.system.mda()
        items = list(self.system.db.queue.find())
        texts = [i['recipients'][0]['text'] for i in items]
        tried = [t for t in texts if 'connect to' in t]
        self.assertEqual(len(items), 20)
        self.assertEqual(len(tried), 1, texts)
        self.assertEqual(len([t for t in texts if 'probed again' in t]),
                         19)
        # Its time comes, and it is there again: everything goes out.
        self.system.db.limits.update_many(
            {}, {'$unset': {'probe_at': 1}})
        alive = self.fake({}, PIPELINING)
        self.system.m3mta('queue', 'retry', '--domain=far.example')
        self.system.mda()
        self.assertEqual(len(alive.messages), 20)

    def test_concurrency_limit(self):
        self.system.set('remote.concurrency', 2)
        self.system.write_config()
        self.addCleanup(self.system.set, 'remote.concurrency', 10)
        fake = self.fake({}, PIPELINING, delay=0.3)
        for _ in range(60):
            self.post()
        runs = [self.system.start([
            binary('m3mta-mda'), '-c', self.system.config,
            '--loop', '-o', 'mda.batch=5']) for _ in range(4)]
        wait_for(lambda: len(fake.messages) == 60, 60)
        for run in runs:
            self.system.stop(run)
        self.assertLessEqual(fake.most_at_once, 2)
        self.assertEqual(self.system.db.queue.count_documents({}), 0)


if __name__ == '__main__':
    unittest.main()
