"""Whom the mda connects to: what the DNS, or an address in brackets, leads
to is looked at; the far host is in a network namespace of its own."""
import email
import socket
import unittest

from fake_mta import FakeMta
from harness import LiveTest
from nameserver import start_nsd
from netns import Hosts

LOGIN = 'AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ='  # ann
ZONE = '''far IN MX 10 mx
mx IN A {far}
dead IN A {dead}
own IN MX 10 alias
alias IN A {own}
implicit IN A {own}
loop IN MX 10 lo
lo IN A 127.0.0.1
lo2 IN A 127.1.2.3
lo6 IN AAAA ::1
zero IN A 0.0.0.0
link IN A 169.254.7.7
multi IN A 224.0.0.5
mapped IN AAAA ::ffff:127.0.0.1
backup IN MX 10 dead
backup IN MX 20 alias
backup IN MX 30 worse
worse IN A {far}
better IN MX 10 mx
better IN MX 20 alias
socket IN MX 10 {path}
xn--bcher-kva IN MX 10 mx
'''


class HostsTest(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        cls.hosts = Hosts(1)
        cls.hosts.__enter__()
        cls.addClassCleanup(cls.hosts.__exit__)
        listener = cls.hosts.listen(0)
        cls.far = FakeMta(listener=listener)
        cls.addClassCleanup(cls.far.close)
        # Whoever takes us for another host comes out here.
        cls.near = FakeMta(listener=socket.create_server(
            ('', cls.far.port), family=socket.AF_INET6,
            dualstack_ipv6=True))
        cls.addClassCleanup(cls.near.close)
        cls.path = s.folder + '/x.sock'
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(cls.path)
        unix.listen()
        cls.unix = FakeMta(listener=_Unix(unix))
        cls.addClassCleanup(cls.unix.close)
        start_nsd(s, {'example': ZONE.format(
            far=cls.hosts.address_of(0), own=cls.hosts.address,
            dead=cls.hosts.address_of(0).rsplit('.', 1)[0] + '.3',
            path=cls.path + '.'), 'corp1': '@ IN A ' +
            cls.hosts.address_of(0) + '\n'})
        s.set('remote.port', cls.far.port)
        s.set('remote.timeout', {'reply': '5s', 'connect': '2s'})
        s.write_config()
        s.add_domain()
        s.add_mailbox('ann@example.org', '--may-relay')
        s.m3mta('alias', 'add', 'b\u00f6rje@example.org', 'ann@example.org')
        s.m3mta('mailbox', 'set', 'ann@example.org',
                '--sender=b\u00f6rje@example.org')

    def setUp(self):
        super().setUp()
        self.system.db.queue.delete_many({})
        self.system.db.limits.delete_many({})
        for fake in (self.far, self.near, self.unix):
            fake.script, fake.extensions, fake.sessions = {}, (), 0
            fake.messages, fake.commands = [], []

    def post(self, to, params='', sender='ann@example.org'):
        d = self.dialog('m3mta-smtp')
        d.reply()
        for line in ('EHLO a', f'AUTH PLAIN {LOGIN}',
                     f'MAIL FROM:<{sender}>{params}',
                     *(f'RCPT TO:<{one}>' for one in
                       (to if isinstance(to, list) else [to])), 'DATA',
                     'Subject: x\r\n\r\nx\r\n.'):
            answer = d.smtp(line)
            self.assertRegex(answer, '^[23]', line)
        d.close()
        self.system.mda()

    def waiting(self):
        return [(r['status'], r['text']) for item in
                self.system.db.queue.find({}) for r in item['recipients']]

    def report(self):
        self.system.mda()
        d = self.dialog('m3mta-imap', '--preauth', 'ann@example.org')
        d.line()
        d.imap('a', 'SELECT INBOX')
        text = d.imap('b', 'FETCH * BODY[]')
        message = email.message_from_bytes(
            text[text.index(b'}\r\n') + 3:text.rindex(b')\r\nb OK')])
        part = message.get_payload()[1]
        # Python's email knows delivery-status only, as two headers.
        return part.get_payload()[1] if part.get_content_type() == \
            'message/delivery-status' else email.message_from_string(
                part.as_string().split('\n\n')[2])

    def refused(self, to, status):
        """Reported at once, and nobody was connected to."""
        self.setUp()
        self.post(to)
        self.assertEqual(self.waiting(), [])
        fields = self.report()
        self.assertEqual(fields['Status'], status, fields.as_string())
        self.assertIn(to, fields['Final-Recipient'])
        self.assertEqual((self.far.sessions, self.near.sessions,
                          self.unix.sessions), (0, 0, 0))
        return fields


class ByDns(HostsTest):
    def test_a_host_elsewhere_gets_its_mail(self):
        for domain in ('far.example', 'better.example'):
            with self.subTest(domain):
                self.setUp()
                self.post(f'bob@{domain}')
                self.assertEqual(self.waiting(), [])
                self.assertEqual(len(self.far.messages), 1)

    def test_our_own_addresses_are_a_loop(self):
        for name in ('own', 'implicit', 'loop', 'lo2', 'lo6', 'zero',
                     'mapped'):
            with self.subTest(name):
                self.refused(f'bob@{name}.example', '5.4.6')

    def test_addresses_of_no_host_are_never_connected_to(self):
        for name in ('link', 'multi'):
            with self.subTest(name):
                self.refused(f'bob@{name}.example', '5.4.4')

    def test_a_host_that_is_no_name_is_never_connected_to(self):
        """A path of a socket, for one; the mail waits for a better answer."""
        self.post('bob@socket.example')
        self.assertEqual(self.unix.sessions, 0)
        (status, text), = self.waiting()
        self.assertEqual(status, '4.4.4')
        self.assertIn('no name of a host', text)

    def test_a_better_host_that_is_away_is_waited_for(self):
        """We are the second: nobody behind us is nearer to the goal."""
        self.post('bob@backup.example')
        self.assertEqual([s for s, _ in self.waiting()], ['4.4.1'])
        self.assertEqual((self.far.sessions, self.near.sessions), (0, 0))

    def test_a_host_with_our_own_name_is_a_loop(self):
        for stage, reply in (('connect', '220 mx.example.org ESMTP'),
                             ('connect', '220 MX.Example.Org'),
                             ('EHLO', '250-mx.example.org hello\r\n'
                              '250 HELP')):
            with self.subTest(reply):
                self.setUp()
                self.far.script = {stage: reply}
                self.post('bob@far.example')
                self.assertEqual(self.waiting(), [])
                self.assertEqual(self.report()['Status'], '5.4.6')
                self.assertEqual(self.far.messages, [])

    def test_networks_that_are_allowed(self):
        self.system.set('remote.allow', {'networks': ['127.0.0.0/8']})
        self.system.write_config()
        self.addCleanup(self.system.write_config)
        self.addCleanup(self.system.settings['remote'].pop, 'allow')
        self.post('bob@loop.example')
        self.assertEqual(len(self.near.messages), 1)
        self.refused('bob@own.example', '5.4.6')

    def test_letters_of_any_script_are_looked_up_as_a_labels(self):
        self.far.extensions = ('SMTPUTF8', '8BITMIME')
        self.post('bob@b\u00fccher.example', ' SMTPUTF8')
        self.assertEqual(self.waiting(), [])
        self.assertIn('RCPT TO:<bob@b\u00fccher.example>',
                      self.far.commands)
        self.assertRegex('\n'.join(self.far.commands), 'MAIL .* SMTPUTF8')

    def test_a_host_without_smtputf8_gets_a_labels(self):
        self.post('bob@B\u00fccher.example', ' SMTPUTF8')
        self.assertEqual(self.waiting(), [])
        self.assertIn('RCPT TO:<bob@xn--bcher-kva.example>',
                      self.far.commands)
        self.assertNotIn('SMTPUTF8', '\n'.join(self.far.commands))
        self.setUp()
        self.post('b\u00f6b@b\u00fccher.example', ' SMTPUTF8')
        report = self.report()
        self.assertEqual(report['Status'], '5.6.7')
        self.assertIn('553 5.6.7', report['Diagnostic-Code'])
        self.assertEqual(self.far.messages, [])

    def test_an_address_that_cannot_be_said_is_no_recipient_too_many(self):
        """552 behind others would be (RFC 5321 4.5.3.1.10), and wait."""
        self.post(['bob@far.example', 'b\u00f6b@far.example'], ' SMTPUTF8')
        self.assertEqual(self.waiting(), [])
        self.assertEqual(len(self.far.messages), 1)
        report = self.report()
        self.assertEqual(report['Status'], '5.6.7')
        self.assertIn('553 5.6.7', report['Diagnostic-Code'])

    def test_a_sender_that_cannot_be_said_ends_in_a_report(self):
        self.post('bob@far.example', ' SMTPUTF8', 'b\u00f6rje@example.org')
        self.assertEqual(self.waiting(), [])
        self.assertEqual(self.far.messages, [])
        report = self.report()
        self.assertEqual(report['Status'], '5.6.7')
        self.assertIn('553 5.6.7', report['Diagnostic-Code'])


class ByAddress(HostsTest):
    def test_an_address_literal_is_connected_to(self):
        self.post(f'bob@[{self.hosts.address_of(0)}]')
        self.assertEqual(self.waiting(), [])
        self.assertEqual(len(self.far.messages), 1)

    def test_an_address_literal_of_ours_is_a_loop(self):
        for address in (self.hosts.address, '127.0.0.1', 'IPv6:::1'):
            with self.subTest(address):
                self.refused(f'bob@[{address}]', '5.4.6')
        self.refused('bob@[IPv6:fe80::1]', '5.4.4')


class ByRoute(HostsTest):
    def route(self, route):
        self.system.db.domains.delete_many({'_id': 'routed.example'})
        self.system.m3mta('domain', 'add', 'routed.example',
                          '--delivery=relay', f'--route={route}')

    def test_a_route_may_lead_to_this_host(self):
        for route in (f'127.0.0.1:{self.near.port}',
                      f'[::1]:{self.near.port}',
                      f'[127.0.0.1]:{self.near.port}',
                      f'lo.example:{self.near.port}'):
            with self.subTest(route):
                self.setUp()
                self.route(route)
                self.near.script = {'connect': '220 mx.example.org'}
                self.post('bob@routed.example')
                self.assertEqual(self.waiting(), [])
                self.assertEqual(len(self.near.messages), 1)

    def test_a_name_that_ends_in_a_digit_is_a_name(self):
        for route in ('corp1', f'corp1:{self.far.port}'):
            with self.subTest(route):
                self.setUp()
                self.route(route)
                self.post('bob@routed.example')
                self.assertEqual(self.waiting(), [])
                self.assertEqual(len(self.far.messages), 1)

    def test_a_route_to_a_unix_socket(self):
        self.route(self.path)
        self.post('bob@routed.example')
        self.assertEqual(len(self.unix.messages), 1)


class _Unix:
    """A listening Unix socket as FakeMta wants one."""

    def __init__(self, sock):
        self.sock = sock

    def accept(self):
        sock, peer = self.sock.accept()
        return _Plain(sock), peer

    def getsockname(self):
        return self.sock.getsockname(), 0

    def close(self):
        self.sock.close()


class _Plain:
    def __init__(self, sock):
        self.sock = sock

    def setsockopt(self, *unused):
        pass

    def __getattr__(self, name):
        return getattr(self.sock, name)


if __name__ == '__main__':
    unittest.main()
