"""What m3mta-smtp accepts from whom: the decision at RCPT row by row, SIZE
with its options, and each limit with its reply and its line in the log."""
import base64
import concurrent.futures
import os
import re
import time
import unittest

from harness import Dialog, LiveTest
from piped import Piped
from rows import PLAIN
from test_smtp_dialog import B, HELLO, MAIL, RCPT

BOB = base64.b64encode(b'\0bob@example.org\0secret').decode()
EVE = base64.b64encode(b'\0eve@example.org\0secret').decode()
NETWORK = ('-o', 'smtp.relay.networks=192.0.2.0/24,2001:db8::/32')
INSIDE = {'TCPREMOTEIP': '192.0.2.7'}
INSIDE6 = {'TCPREMOTEIP': '2001:db8:5::1'}
# As a listener for both families may say it.
MAPPED = {'TCPREMOTEIP': '::ffff:192.0.2.7'}
ODD6 = {'TCPREMOTEIP': '2001:DB8:5:0:0:0:0:1'}
OUTSIDE = {'TCPREMOTEIP': '198.51.100.7'}
FAR = 'RCPT TO:<a@far.example>'

# Who asks (environment, login), RCPT, the start of the reply. In the order
# of 2013: what is local, quota, networks, logins, relays, backup, refused.
DECISIONS = [
    (OUTSIDE, None, RCPT, '250 2.1.5'),
    (OUTSIDE, None, 'RCPT TO:<ANN@EXAMPLE.ORG>', '250 2.1.5'),
    (OUTSIDE, None, 'RCPT TO:<ann+tag@example.org>', '250 2.1.5'),
    (OUTSIDE, None, 'RCPT TO:<alias@example.org>', '250 2.1.5'),
    (OUTSIDE, None, 'RCPT TO:<list@example.org>', '250 2.1.5'),
    (OUTSIDE, None, 'RCPT TO:<who@all.example>', '250 2.1.5'),
    (OUTSIDE, None, 'RCPT TO:<who@box.example>', '250 2.1.5'),
    (OUTSIDE, None, 'RCPT TO:<off@example.org>', '550 5.2.1'),
    (OUTSIDE, None, 'RCPT TO:<full@example.org>', '452 4.2.2'),
    (OUTSIDE, None, 'RCPT TO:<nobody@example.org>', '550 5.1.1'),
    (INSIDE, None, 'RCPT TO:<nobody@example.org>', '550 5.1.1'),
    (OUTSIDE, PLAIN, 'RCPT TO:<nobody@example.org>', '550 5.1.1'),
    (OUTSIDE, None, 'RCPT TO:<postmaster@example.org>', '250 2.1.5'),
    (OUTSIDE, None, 'RCPT TO:<postmaster@all.example>', '250 2.1.5'),
    (OUTSIDE, None, 'RCPT TO:<Postmaster>', '250 2.1.5'),
    (OUTSIDE, None, FAR, '550 5.7.1'),
    (INSIDE, None, FAR, '250 2.1.5'),
    (INSIDE6, None, FAR, '250 2.1.5'),
    (MAPPED, None, FAR, '250 2.1.5'),
    (ODD6, None, FAR, '250 2.1.5'),
    (OUTSIDE, PLAIN, FAR, '250 2.1.5'),   # may relay
    (OUTSIDE, BOB, FAR, '550 5.7.1'),     # may not
    (OUTSIDE, EVE, FAR, '250 2.1.5'),     # has a relay of its own
    (OUTSIDE, None, 'RCPT TO:<a@backup.example>', '250 2.1.5'),
    (OUTSIDE, None, 'RCPT TO:<a@routed.example>', '250 2.1.5'),
    (OUTSIDE, None, 'RCPT TO:<a@gone.example>', '550 5.7.1'),
    (INSIDE, None, 'RCPT TO:<a@gone.example>', '550 5.7.1'),
]


class Policy(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        for name in ('example.org', 'all.example', 'box.example'):
            s.add_domain(name)
        s.m3mta('domain', 'add', 'backup.example', '--delivery=backup')
        s.m3mta('domain', 'add', 'routed.example', '--delivery=relay',
                '--route=127.0.0.1:1')
        s.m3mta('domain', 'add', 'gone.example')
        s.m3mta('domain', 'set', 'gone.example', '--disable')
        s.add_mailbox('ann@example.org', '--may-relay')
        s.add_mailbox('bob@example.org')
        s.add_mailbox('eve@example.org')
        s.m3mta('mailbox', 'set', 'eve@example.org', '--route=127.0.0.1:1')
        for name in ('off@example.org', 'full@example.org'):
            s.m3mta('mailbox', 'add', name, '--no-password', '--quota=1000')
        s.m3mta('mailbox', 'set', 'off@example.org', '--disable')
        s.db.mailboxes.update_one({'_id': 'full@example.org'}, {'$set': {
            'size.current': 1000}})
        s.m3mta('alias', 'add', 'alias@example.org', 'ann@example.org')
        s.m3mta('list', 'add', 'list@example.org', 'ann@example.org',
                '--owner=bob@example.org')
        s.m3mta('catchall', 'add', 'all.example', 'ann@example.org')
        s.m3mta('mailbox', 'add', '*@box.example', '--no-password')

    def start(self, *options, **env):
        if env:
            return self.piped(options, env)
        d = self.dialog('m3mta-smtp', *options)
        self.assertEqual(d.reply()[0][:3], '220')
        return d

    def piped(self, options, env):
        """On a pair of pipes, the peer as tcpserver names it."""
        d = Piped(self.system, ('--ucspi', *options), env)
        self.addCleanup(d.close)
        self.assertEqual(d.reply()[0][:3], '220')
        return d

    def say(self, d, *lines):
        for line in lines:
            answer = d.smtp(line)
            self.assertIn(answer[:1], '23', (line, answer))

    def test_decisions(self):
        for env, login, command, want in DECISIONS:
            with self.subTest(env=env, login=login, command=command):
                d = self.start(*NETWORK, **env)
                self.say(d, HELLO)
                if login:
                    self.say(d, f'AUTH PLAIN {login}')
                self.say(d, 'MAIL FROM:<>')
                self.assertEqual(d.smtp(command)[:9], want)
                d.close()

    def test_separator(self):
        for option, tag, want in (('address.separator=-', '-', '250'),
                                  ('address.separator=-', '+', '550'),
                                  ('address.separator=', '+', '550')):
            d = self.start('-o', option)
            self.say(d, HELLO, MAIL)
            self.assertEqual(
                d.smtp(f'RCPT TO:<ann{tag}x@example.org>')[:3], want)

    def test_senders_of_ours(self):
        strict = ('-o', 'smtp.sender.local=login', *NETWORK)
        ours = 'MAIL FROM:<bob@example.org>'
        for env, options, login, mail, want in (
                (OUTSIDE, NETWORK, None, ours, '250'),
                (OUTSIDE, strict, None, ours, '550 5.7.1'),
                (OUTSIDE, strict, None, 'MAIL FROM:<Bob@EXAMPLE.org>',
                 '550 5.7.1'),
                (OUTSIDE, strict, None, MAIL, '250'),
                (OUTSIDE, strict, None, 'MAIL FROM:<>', '250'),
                (INSIDE, strict, None, ours, '250'),
                (OUTSIDE, strict, BOB, ours, '250')):
            with self.subTest(env=env, options=options, mail=mail):
                d = self.start(*options, **env)
                self.say(d, HELLO)
                if login:
                    self.say(d, f'AUTH PLAIN {login}')
                self.say(d, mail)
                self.assertEqual(d.smtp(RCPT)[:len(want)], want)
                d.close()
        d = self.start()
        self.say(d, HELLO, f'AUTH PLAIN {PLAIN}')
        self.assertEqual(d.smtp(ours)[:9], '550 5.7.1')

    # --- SIZE ---------------------------------------------------------------

    def test_size_options(self):
        d = self.start('-o', 'smtp.size.maximum=65536')
        d.send(HELLO + '\r\n')
        self.assertIn('250-SIZE 65536', d.reply())
        d = self.start('-o', 'smtp.size.advertise=false')
        d.send(HELLO + '\r\n')
        self.assertFalse([x for x in d.reply() if 'SIZE' in x])
        for option, refused_at in (
                ('smtp.size.check_mail=true', 'MAIL'),
                ('smtp.size.check_mail=false', 'RCPT'),
                ('smtp.size.check_rcpt=false', 'data'),
                ('smtp.size.check_data=false', None)):
            with self.subTest(option):
                options = ['-o', 'smtp.size.maximum=65536']
                if refused_at != 'MAIL':
                    options += ['-o', 'smtp.size.check_mail=false']
                if refused_at in ('data', None):
                    options += ['-o', 'smtp.size.check_rcpt=false']
                d = self.start(*options, '-o', option)
                self.say(d, HELLO)
                self.assertEqual(self.refused(d), refused_at)

    def refused(self, d):
        answer = d.smtp(MAIL + ' SIZE=70000')
        if answer[:9] == '552 5.3.4':
            return 'MAIL'
        answer = d.smtp('RCPT TO:<small@example.org>')
        if answer[:9] == '452 4.2.2':
            return 'RCPT'
        self.say(d, 'DATA')
        answer = d.smtp(b'x' * 70000 + b'\r\n.\r\n')
        return 'data' if answer[:9] == '552 5.3.4' else None

    def setUp(self):
        self.system.db.limits.delete_many({})
        if not self.system.db.mailboxes.find_one(
                {'_id': 'small@example.org'}):
            self.system.m3mta('mailbox', 'add', 'small@example.org',
                              '--no-password', '--quota=60000')

    # --- words that are switched ----------------------------------------------

    def test_expn(self):
        d = self.start('-o', 'smtp.expn=true')
        self.say(d, HELLO)
        self.assertEqual(d.smtp('EXPN list@example.org'),
                         '250 2.1.5 <ann@example.org>')
        self.assertEqual(d.smtp('EXPN ann@example.org')[:9], '550 5.1.1')
        self.assertEqual(d.smtp('HELP')[:9], '214 2.0.0')

    # --- limits, each with its reply and its line -------------------------------

    def log_of(self, port_options, talk):
        port = self.system.serve('m3mta-smtp', 'smtp', options=port_options)
        process = self.system.processes[-1]
        d = Dialog(self.system, None, port=port)
        answer = talk(d)
        d.close()
        self.system.stop(process)
        with open(f'{self.system.folder}/log'
                  f'{len(self.system.processes) - 1}') as f:
            return answer, f.read()

    def test_limits_of_a_session(self):
        def slow(d):
            self.assertEqual(d.reply()[0][:3], '220')
            self.say(d, HELLO, MAIL, RCPT, 'DATA')
            start = time.monotonic()
            d.sock.settimeout(0.05)
            while time.monotonic() - start < 20:
                d.send(b'x')
                try:
                    return d.sock.recv(1000).decode()
                except TimeoutError:
                    pass
            return 'nothing'

        def wait(d):
            self.assertEqual(d.reply()[0][:3], '220')
            return d.reply()[0]

        def many(*lines):
            def talk(d):
                self.assertEqual(d.reply()[0][:3], '220')
                self.say(d, HELLO)
                d.send('\r\n'.join(lines) + '\r\n')
                return ' / '.join(d.reply()[-1] for _ in lines)
            return talk

        def early(d):
            d.send(HELLO + '\r\n')
            return d.reply()[0]
        for options, talk, words in (
                (['smtp.limit.data_rate=1000000', 'smtp.timeout.data=1s'],
                 slow, '421 4.4.2 mx.example.org timed out'),
                (['smtp.timeout.session=1s'], wait,
                 '421 mx.example.org timed out'),
                (['smtp.timeout.command=1s'], wait,
                 '421 mx.example.org timed out'),
                (['smtp.early_talk.delay=5s'], early,
                 '554 mx.example.org you talk before the greeting'),
                (['smtp.limit.errors=1'], many('X', 'Y', 'Z'),
                 '421 4.7.0 mx.example.org too many errors'),
                (['smtp.limit.commands=10'], many(*['NOOP'] * 10),
                 '421 4.7.0 mx.example.org too many commands'),
                (['smtp.limit.messages=1'],
                 many(MAIL, 'RSET', *[MAIL, RCPT, 'DATA']), '354'),
                ([], many('NOOP ' + 'x' * 3000), '500 5.5.2 Line too long')):
            with self.subTest(options):
                answer, log = self.log_of(
                    [x for o in options for x in ('-o', o)], talk)
                self.assertIn(words, answer)
                if words[0] in '45':
                    text = words.split('mx.example.org ')[-1][-12:]
                    self.assertRegex(log, f'event=refused .*code='
                                     f'{words[:3]} .*{re.escape(text)}')

    def test_too_many_messages(self):
        d = self.start('-o', 'smtp.limit.messages=1')
        self.say(d, HELLO, MAIL, RCPT, 'DATA')
        self.assertEqual(d.smtp(B + b'.\r\n')[:3], '250')
        self.assertEqual(d.smtp(MAIL)[:9], '421 4.7.0')
        self.assertTrue(d.is_closed())

    def guess(self, address):
        d = self.start('-o', 'limit.logins.source=7/15m', '-o',
                       'limit.logins.free=1000/15m', TCPREMOTEIP=address)
        self.say(d, HELLO)
        answer = d.smtp('AUTH PLAIN ' + base64.b64encode(
            f'\0nobody@example.org\0{address}'.encode()).decode())
        d.close()
        return answer[:3]

    def test_failed_logins_of_a_network(self):
        """Exact under 20 processes that guess at once, by /24 and /48."""
        for inside, outside in (
                ([f'192.0.2.{i}' for i in range(1, 21)], '192.0.3.1'),
                ([f'2001:db8:1:{i:x}::{i}' for i in range(1, 21)],
                 '2001:db8:2::1')):
            with concurrent.futures.ThreadPoolExecutor(20) as pool:
                answers = list(pool.map(self.guess, inside))
            self.assertEqual((answers.count('535'), answers.count('454')),
                             (8, 12), answers)  # one over the limit
            self.assertEqual(self.guess(outside), '535')

    def test_rates_and_their_lines(self):
        for options, count, want in (
                (['limit.recipients.login=3/1h'], 2, '450 4.7.1'),
                (['limit.messages.login=1/1h'], 1, '450 4.7.1'),
                (['limit.messages.source=1/1h'], 1, '450 4.7.1'),
                (['limit.connections.source=1/1h'], 1, '421 4.7.0')):
            with self.subTest(options):
                self.system.db.limits.delete_many({})
                port = self.system.serve(
                    'm3mta-smtp', 'smtp',
                    options=[x for o in options for x in ('-o', o)])
                answers = [self.message(port, 'login' in options[0], count)
                           for _ in range(2)]
                self.assertEqual(answers[0][:3], '250')
                self.assertEqual(answers[1][:9], want)
                name = options[0].split('=')[0]
                self.assertRegex(self.system.logs(),
                                 f'event=limit .*key="{name} ')

    def message(self, port, has_login, recipients):
        d = Dialog(self.system, None, port=port)
        self.addCleanup(d.close)
        d.reply()
        lines = [HELLO] + [f'AUTH PLAIN {PLAIN}'] * has_login
        lines += ['MAIL FROM:<ann@example.org>' if has_login else MAIL]
        lines += [f'RCPT TO:<ann+{i}@example.org>'
                  for i in range(recipients)] + ['DATA']
        for line in lines:
            answer = d.smtp(line)
            if answer[:1] not in '23':
                return answer
        return d.smtp(B + b'.\r\n')


if __name__ == '__main__':
    unittest.main()
