"""SpamAssassin by a real spamd, filters at delivery, hooks at the stages of
SMTP."""
import email
import os
import socket
import threading
import unittest

from harness import LiveTest, System, free_port, wait_for

ETC = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..',
                   'etc')
GTUBE = 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X'
LOGIN = 'AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ='  # ann


class FilterTest(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        for who in ('ann', 'bob', 'postmaster'):
            cls.system.add_mailbox(f'{who}@example.org')

    def configure(self, **settings):
        for key, value in settings.items():
            self.system.set(key.replace('__', '.'), value)
        self.system.write_config()

    def program(self, text):
        path = os.path.join(self.system.folder, f'p{self.id()}')
        with open(path, 'w') as f:
            f.write('#!/usr/bin/python3\nimport os, sys, time\n' + text)
        os.chmod(path, 0o755)
        return path

    def post(self, *recipients, sender='x@example.com', body='hello\r\n',
             subject='x', login=None, options=()):
        d = self.dialog('m3mta-smtp', *options)
        answers = d.reply()[-1:]
        if not answers[0].startswith('220'):
            return answers
        answers.append(d.smtp('EHLO me.example'))
        if login:
            self.assertTrue(d.smtp(f'AUTH PLAIN {login}').startswith('235'))
        answers.append(d.smtp(f'MAIL FROM:<{sender}>'))
        for address in recipients or ['bob@example.org']:
            answers.append(d.smtp(f'RCPT TO:<{address}>'))
        answers.append(d.smtp('DATA'))
        if answers[-1].startswith('354'):
            answers.append(d.smtp(f'Subject: {subject}\r\nMessage-ID: '
                                  f'<a@b>\r\n\r\n{body}.'))
        d.close()
        return answers

    def exists(self, address='bob@example.org', folder='INBOX'):
        owner = self.system.db.mailboxes.find_one({'_id': address})['owner']
        return self.system.db.folders.find_one(
            {'owner': owner, 'name': folder})['exists']

    def last(self, address='bob@example.org', folder='INBOX'):
        d = self.dialog('m3mta-imap', '--preauth', address)
        d.line()
        d.imap('a', f'SELECT {folder}')
        text = d.imap('b', 'FETCH * BODY[]')
        return email.message_from_bytes(
            text[text.index(b'}\r\n') + 3:text.rindex(b')\r\nb OK')])


class Spam(FilterTest):
    @classmethod
    def prepare(cls):
        super().prepare()
        cls.port = free_port()
        home = cls.system.folder + '/sa'
        os.makedirs(home + '/.spamassassin')
        cls.system.start(
            ['/usr/sbin/spamd', '-L', '-i', '127.0.0.1', '-p',
             str(cls.port), '-m', '1', '-s', 'stderr', '-H', home,
             '-x', '--pidfile', home + '/pid'],
            env={'HOME': home})
        wait_for(lambda: System.is_listening(cls.port), 60, 'spamd')

    def setUp(self):
        self.system.settings['spam'] = {'server': f'127.0.0.1:{self.port}'}
        self.system.write_config()

    def test_junk_at_data(self):
        before = self.exists(folder='Junk')
        self.assertTrue(self.post(body=GTUBE + '\r\n')[-1].startswith('250'))
        self.system.mda()
        self.assertEqual(self.exists(folder='Junk'), before + 1)
        message = self.last(folder='Junk')
        self.assertEqual(message['X-Spam-Flag'], 'YES')
        self.assertIn('GTUBE', message['X-Spam-Status'])
        self.assertIn('X-Spam-Status', message.keys()[:8])
        # The headers stand before Received, behind Return-Path.
        self.assertEqual(message.keys()[0], 'Return-Path')

    def test_ham_and_login(self):
        before = self.exists()
        self.post(sender='ann@example.org', login=LOGIN,
                  body=GTUBE + '\r\n')
        self.system.mda()
        self.assertNotIn('X-Spam-Status', self.last())
        self.post(body='A fine day, said the fox to the hen.\r\n')
        self.system.mda()
        self.assertEqual(self.exists(), before + 2)
        self.assertIn('X-Spam-Status', self.last())

    def test_junk_by_the_mda(self):
        self.configure(spam__at='mda')
        before = self.exists(folder='Junk')
        self.post(body=GTUBE + '\r\n')
        self.assertFalse(self.system.db.queue.find_one()['headers'])
        self.system.mda()
        self.assertEqual(self.exists(folder='Junk'), before + 1)

    def test_reject(self):
        self.configure(spam__reject='100')
        answer = self.post(body=GTUBE + '\r\n')[-1]
        self.assertTrue(answer.startswith('550 5.7.1'), answer)
        self.assertEqual(self.system.db.queue.count_documents({}), 0)

    def test_scores(self):
        self.configure(spam__junk='2000.5')
        before = self.exists()
        self.post(body=GTUBE + '\r\n')
        self.system.mda()
        self.assertEqual(self.exists(), before + 1)

    def test_size_cap(self):
        self.configure(**{'spam__size.maximum': '1k'})
        before = self.exists()
        self.post(body=('y' * 70 + '\r\n') * 20 + GTUBE + '\r\n')
        self.system.mda()
        self.assertEqual(self.exists(), before + 1)

    def spam_goes_to(self, folder):
        before = self.exists(folder=folder), self.exists()
        self.post(body=GTUBE + '\r\n')
        self.system.mda()
        self.assertEqual((self.exists(folder=folder), self.exists()),
                         (before[0] + 1, before[1]))

    def test_junk_is_the_folder_with_that_use(self):
        d = self.dialog('m3mta-imap', '--preauth', 'bob@example.org')
        d.line()
        d.imap('a', 'RENAME Junk Unwanted')
        self.spam_goes_to('Unwanted')
        d.imap('b', 'CREATE Junk')
        self.spam_goes_to('Unwanted')
        d.imap('c', 'DELETE Unwanted')
        d.imap('d', 'CREATE Rubbish (USE (\\Junk))')
        self.spam_goes_to('Rubbish')
        d.imap('e', 'DELETE Rubbish')
        self.spam_goes_to('Junk')
        d.imap('f', 'DELETE Junk')
        self.post(body=GTUBE + '\r\n')
        self.system.mda()
        self.assertEqual(self.exists(folder='Junk'), 1)
        self.assertIn(b'\\Junk', d.imap(
            'g', 'LIST "" Junk RETURN (SPECIAL-USE)'))
        self.system.verify()

    def test_down(self):
        self.configure(spam__server=f'127.0.0.1:{free_port()}')
        self.passes()

    def test_unix_socket(self):
        """The same spamd, behind a socket in the file system."""
        path = self.system.folder + '/spamd.sock'
        self.system.start(['socat', '-t30', f'UNIX-LISTEN:{path},fork',
                           f'TCP:127.0.0.1:{self.port}'])
        wait_for(lambda: os.path.exists(path), what='socket')
        self.configure(spam__server=path)
        before = self.exists(folder='Junk')
        self.assertTrue(self.post(body=GTUBE + '\r\n')[-1].startswith('250'))
        self.system.mda()
        self.assertEqual(self.exists(folder='Junk'), before + 1)
        self.configure(spam__server=path + '.none')
        self.passes()

    def test_slow_and_garbage(self):
        for answer in (None, b'', b'SPAMD/1.1 76 Bad header line\r\n\r\n',
                       b'\x00\xff' * 1000, b'SPAMD/1.1 0 EX_OK\r\n\r\n'):
            with self.subTest(answer=answer):
                listener = socket.create_server(('127.0.0.1', 0))
                self.addCleanup(listener.close)
                threading.Thread(target=self.serve, args=(listener, answer),
                                 daemon=True).start()
                self.configure(
                    spam__server='127.0.0.1:%d' % listener.getsockname()[1],
                    spam__timeout='1s')
                self.passes()

    @staticmethod
    def serve(listener, answer):
        sock, _ = listener.accept()
        if answer is None:
            threading.Event().wait(3)
        else:
            sock.recv(100)
            sock.sendall(answer)
        sock.close()

    def passes(self):
        before = self.exists()
        self.assertTrue(self.post(body=GTUBE + '\r\n')[-1].startswith('250'))
        self.system.mda()
        self.assertEqual(self.exists(), before + 1)


class Filters(FilterTest):
    def tearDown(self):
        self.system.settings.pop('filters', None)
        self.system.write_config()
        self.system.db.queue.delete_many({})
        self.system.verify()

    def filter(self, text, **more):
        self.configure(filters=[dict(run=self.program(text), **more)])

    def deliver(self, **how):
        before = self.exists()
        self.assertTrue(self.post(**how)[-1].startswith('250'))
        self.system.mda()
        return self.exists() - before

    def test_pass_and_environment(self):
        self.filter('''
env = '\\n'.join(f'{k}={v}' for k, v in sorted(os.environ.items()))
open(sys.argv[0] + '.env', 'w').write(env)
open(sys.argv[0] + '.in', 'wb').write(sys.stdin.buffer.read())
print('not looked at')
''')
        self.assertEqual(self.deliver(), 1)
        path = self.program('')
        with open(path + '.env') as f:
            env = f.read()
        for text in ('M3MTA_SENDER=x@example.com',
                     'M3MTA_RECIPIENT=bob@example.org', 'M3MTA_SPAM=\n',
                     'M3MTA_MAILBOX=bob@example.org', 'M3MTA_HELO=me.exampl',
                     'M3MTA_HOSTNAME=mx.example.org', 'M3MTA_QUEUE_ID='):
            self.assertIn(text, env)
        self.assertNotIn('M3MTA_TEST_URI', env)
        with open(path + '.in', 'rb') as f:
            data = f.read()
        self.assertTrue(data.startswith(b'Received: from me.example'))
        self.assertTrue(data.endswith(b'\r\n\r\nhello\r\n'))

    def test_rewrite_in_order(self):
        first = self.program('''
sys.stdout.write(sys.stdin.read().replace('hello', 'good bye'))
sys.exit(10)
''')
        second = first + '2'
        with open(second, 'w') as f:
            f.write('#!/bin/sh\nsed "s/bye/night/"\nexit 10\n')
        os.chmod(second, 0o755)
        self.configure(filters=[{'run': first}, {'run': second}])
        self.assertEqual(self.deliver(), 1)
        message = self.last()
        self.assertEqual(message.get_payload(), 'good night\r\n')
        self.assertEqual(message['Delivered-To'], 'bob@example.org')

    def test_drop_file_refuse_redirect(self):
        self.filter('print("no such friend"); sys.exit(11)')
        self.assertEqual(self.deliver(), 0)
        self.assertEqual(self.system.db.queue.count_documents({}), 0)
        self.filter('print("Archive"); sys.exit(14)')
        before = self.exists(folder='Archive')
        self.assertEqual(self.deliver(), 0)
        self.assertEqual(self.exists(folder='Archive'), before + 1)
        self.filter('print("Nowhere"); sys.exit(14)')
        self.assertEqual(self.deliver(), 1)
        self.filter('''
if os.environ['M3MTA_MAILBOX'].startswith('bob'):
    print("we do not\\nwant it")
    sys.exit(69)
''')
        self.assertEqual(self.deliver(sender='ann@example.org'), 0)
        report = self.last('ann@example.org')
        status = report.get_payload()[1].get_payload()[1]
        self.assertEqual(status['Status'], '5.7.1')
        self.assertIn('we do not', status['Diagnostic-Code'])
        self.filter('''
if os.environ['M3MTA_MAILBOX'].startswith('bob'):
    print("ann@example.org")
    sys.exit(13)
''')
        before = self.exists('ann@example.org')
        self.assertEqual(self.deliver(), 0)
        self.assertEqual(self.exists('ann@example.org'), before + 1)

    def test_hold_and_release(self):
        self.filter('print("looks odd"); sys.exit(12)')
        self.assertEqual(self.deliver(), 0)
        item = self.system.db.queue.find_one()
        self.assertTrue(item['held'])
        self.assertEqual(item['recipients'][0]['text'], 'looks odd')
        self.system.m3mta('queue', 'release', str(item['_id']))
        before = self.exists()
        self.system.mda()
        self.assertEqual(self.exists(), before + 1)

    def test_failures_defer(self):
        for text in ('sys.exit(1)', 'os.kill(os.getpid(), 11)',
                     'time.sleep(60)', 'x = bytearray(10**9)',
                     'open("/proc/self/fd/1", "wb").write(b"x" * 10**7)\n'
                     'sys.exit(10)'):
            with self.subTest(text):
                self.filter(text, timeout='1s', memory='200M', output='1M')
                self.assertEqual(self.deliver(), 0)
                item = self.system.db.queue.find_one()
                self.assertEqual(item['recipients'][0]['status'], '4.3.5')
                self.assertEqual(item['attempts'], 1)
                self.system.db.queue.delete_many({})
        self.filter('sys.exit(75)', fails='pass')
        self.assertEqual(self.deliver(), 1)

    def test_configuration(self):
        for filters in ([{'run': 'cat'}], [{'run': '/no/such'}],
                        [{'run': '/bin/cat', 'timeout': 'x'}],
                        [{'run': '/bin/cat', 'fails': 'x'}],
                        [{'run': '/bin/cat', 'memory': 'x'}]):
            self.configure(filters=filters)
            done = self.system.run(
                [os.path.join(os.environ['M3MTA_BUILD'], 'bin/m3mta-mda'),
                 '-c', self.system.config], code=78)
            self.assertIn(b'filters: entry 1: ', done.stderr)

    def test_no_programs(self):
        self.configure(filters=[{'run': ETC + '/filters/no-programs'}])
        self.configure(filters=[{'run': os.path.realpath(
            ETC + '/filters/no-programs')}])
        d = email.message.EmailMessage()
        d['Subject'] = 'x'
        d.set_content('see the attachment')
        d.add_attachment(b'MZ', maintype='application',
                         subtype='octet-stream', filename='a.EXE')
        text = d.as_string().replace('\n', '\r\n')
        head, _, body = text.partition('\r\n\r\n')
        self.assertEqual(self.deliver(
            subject='x\r\n' + head[head.index('MIME-Version'):], body=body),
            1)
        message = self.last()
        self.assertEqual(message['X-Removed'], 'a.exe')
        self.assertIn('was a program', message.get_payload()[1].get_payload())

    def test_postmaster(self):
        """2013: a signed-in postmaster mails a command."""
        log = self.system.folder + '/mail.log'
        with open(log, 'w') as f:
            f.write('\n'.join(f'line {i}' for i in range(100)) + '\n')
        self.configure(filters=[{'run': os.path.realpath(
            ETC + '/filters/postmaster') + ' ' + log}])
        who = ['postmaster@example.org']
        before = self.exists(who[0])
        # No login, then a login without the right: a message like others.
        self.post(*who, subject='log 3', sender='ann@example.com')
        self.post(*who, subject='log 3', sender='ann@example.org',
                  login=LOGIN)
        self.system.mda()
        self.assertEqual(self.exists(who[0]), before + 2)
        self.system.m3mta('mailbox', 'set', 'ann@example.org', '--admin')
        answers = self.exists('ann@example.org')
        self.post(*who, subject='log 3', sender='ann@example.org',
                  login=LOGIN)
        self.system.mda()
        self.assertEqual(self.exists(who[0]), before + 2)
        self.assertEqual(self.exists('ann@example.org'), answers + 1)
        message = self.last('ann@example.org')
        self.assertEqual(message.get_payload(),
                         'line 97\r\nline 98\r\nline 99\r\n')
        self.assertEqual(message['Return-Path'], '<>')


class Hooks(FilterTest):
    def tearDown(self):
        self.system.settings.pop('hooks', None)
        self.system.write_config()
        self.system.db.queue.delete_many({})

    def hook(self, at, text, **more):
        self.configure(hooks=[dict(at=at, run=self.program('''
request = {}
for line in sys.stdin:
    line = line.rstrip('\\n')
    if line:
        k, _, v = line.partition('=')
        request[k] = v
        continue
    with open(sys.argv[0] + '.log', 'a') as f:
        f.write(repr(request) + '\\n')
''' + '\n'.join('    ' + x for x in text.split('\n'))), **more)])

    def answer(self, text):
        return f'print("action={text}\\n", flush=True)'

    def test_each_stage(self):
        for i, stage in enumerate(('connect', 'helo', 'mail', 'rcpt',
                                   'data', 'end')):
            for action, want in (('REJECT go away', '554 5.7.1 go away'),
                                 ('DEFER', '450 4.7.1'),
                                 ('REJECT 5.7.23 SPF fail',
                                  '554 5.7.23 SPF fail'),
                                 ('REJECT 4.7.23 SPF', '554 5.7.23 SPF'),
                                 ('DEFER 4.7.0 wait', '450 4.7.0 wait'),
                                 ('DEFER_IF_PERMIT 4.7.7 grey',
                                  '450 4.7.7 grey'),
                                 ('421 4.3.2 bye', '421 4.3.2 bye'),
                                 ('550 no', '550 5.7.1 no')):
                with self.subTest(stage=stage, action=action):
                    self.hook(stage, self.answer(action))
                    answers = self.post()
                    got = answers[i]
                    if stage in ('connect', 'helo'):
                        want = want[:3]  # no enhanced codes there
                    self.assertTrue(got.startswith(want), answers)
                    self.assertEqual(
                        self.system.db.queue.count_documents({}), 0)

    def test_attributes(self):
        self.hook('rcpt', self.answer('DUNNO'))
        self.post(sender='ann@example.org', login=LOGIN)
        with open(self.program('') + '.log') as f:
            text = f.read()
        for part in ("'request': 'smtpd_access_policy'",
                     "'protocol_state': 'RCPT'", "'helo_name': 'me.example'",
                     "'sender': 'ann@example.org'",
                     "'recipient': 'bob@example.org'",
                     "'sasl_username': 'ann@example.org'"):
            self.assertIn(part, text)

    def test_actions(self):
        self.hook('rcpt', self.answer('PREPEND X-Policy: seen\\x01'))
        self.assertTrue(self.post()[-1].startswith('250'))
        self.system.mda()
        self.assertEqual(self.last()['X-Policy'], 'seen?')
        self.hook('mail', self.answer('HOLD for me'))
        self.post()
        self.system.mda()
        self.assertTrue(self.system.db.queue.find_one()['held'])
        self.system.db.queue.delete_many({})
        self.hook('end', self.answer('DISCARD'))
        self.assertTrue(self.post()[-1].startswith('250'))
        self.assertEqual(self.system.db.queue.count_documents({}), 0)
        self.hook('end', self.answer('REDIRECT ann@example.org'))
        before = self.exists('ann@example.org')
        self.post()
        self.system.mda()
        self.assertEqual(self.exists('ann@example.org'), before + 1)

    def test_failures(self):
        for text in ('sys.exit(0)', 'time.sleep(5)', self.answer('WHAT'),
                     'print("x" * 10000, flush=True)'):
            with self.subTest(text):
                self.hook('rcpt', text, timeout='1s')
                self.assertTrue(self.post()[3].startswith('451 4.3.5'))
                self.hook('rcpt', text, timeout='1s', fails='pass')
                self.assertTrue(self.post()[-1].startswith('250'))

    def test_example(self):
        path = self.system.folder + '/refuse'
        with open(path, 'w') as f:
            f.write('ann@example.org\n')
        self.configure(hooks=[{'at': 'rcpt', 'run': os.path.realpath(
            ETC + '/hooks/refuse-list') + ' ' + path}])
        answers = self.post('ann@example.org', 'bob@example.org')
        self.assertTrue(answers[3].startswith('554 5.7.1'))
        self.assertTrue(answers[4].startswith('250'))


if __name__ == '__main__':
    unittest.main()
