"""Postfix, exim and OpenSMTPD: we relay to them, they relay to us, octet for
octet after the trace fields, with and without STARTTLS; what is refused at
the end comes back as their report. Postfix also by LMTP.

    near (m3mta) -> the other mail system -> far (m3mta)
"""
import email
import re
import smtplib
import unittest

from harness import Dialog, LiveTest, System, wait_for
from mta import Exim, OpenSmtpd, Postfix
from test_roundtrip import MESSAGES
from test_tls import make_certificate

TRACE = re.compile(
    rb'\A(?:(?:Return-Path|X-Original-To|Delivered-To|Received):[^\r]*\r\n'
    rb'(?:[ \t][^\r]*\r\n)*)+')
DOMAINS = {'plain.example': False, 'tls.example': True}
STAMPS = (b'Date: Wed, 25 Nov 2026 01:02:03 +0000\r\n'
          b'Message-ID: <%d@client.example>\r\n'
          b'From: Ann <ann@example.org>\r\nTo: bob@far.example\r\n')


def field(trace, n):
    """The n-th Received field from the top, as one line."""
    fields = re.findall(rb'Received:(?:[^\r]*\r\n[ \t])*[^\r]*\r\n', trace)
    return b' '.join(fields[n].split())


class Relay:
    """The tests of each; `mta` is the class of the other system."""
    mta = None
    lmtp = False

    @classmethod
    def prepare(cls):
        s = cls.system
        s.add_domain()
        s.add_mailbox('ann@example.org')
        cls.far = System(hostname='far.example')
        cls.addClassCleanup(cls.far.close)
        for domain in DOMAINS:
            cls.add_mailboxes(domain)
        make_certificate(cls.far.folder, 'far', 'far.example')
        cls.far.set('tls.certificate', cls.far.folder + '/far.pem')
        cls.far.set('tls.key', cls.far.folder + '/far.key')
        cls.far.write_config()
        cls.smtp = s.serve('m3mta-smtp', 'smtp')
        far_port = cls.far.serve('m3mta-smtp', 'smtp')
        routes = {d: (far_port, tls) for d, tls in DOMAINS.items()}
        routes['example.org'] = cls.smtp, False
        if cls.lmtp:
            cls.add_mailboxes('lmtp.example')
            cls.far.add_mailbox('full@lmtp.example', '--quota=1')
            routes['lmtp.example'] = (
                cls.far.serve('m3mta-smtp', 'lmtp'), 'lmtp')
        cls.other = cls.mta(routes)
        cls.addClassCleanup(cls.other.close)
        for domain in routes:
            if domain != 'example.org':
                tls = DOMAINS.get(domain, False)
                port = cls.other.tls_port if tls else cls.other.port
                s.m3mta('domain', 'add', domain, '--delivery=relay',
                        f'--route=127.0.0.1:{port}',
                        '--tls=' + cls.policy(tls))
        s.start_mda()
        cls.far.start_mda()

    @classmethod
    def policy(cls, tls):
        if tls:
            # What cannot be encrypted goes in clear when it may.
            return 'must' if cls.mta.can_tls else 'may'
        return 'never'

    @classmethod
    def add_mailboxes(cls, domain):
        cls.far.add_domain(domain)
        for name in ('bob', 'eve'):
            cls.far.add_mailbox(f'{name}@{domain}')

    def submit(self, recipients, message, options=()):
        with smtplib.SMTP('127.0.0.1', self.smtp, timeout=60) as c:
            c.ehlo('client.example')
            c.docmd('AUTH', 'PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=')
            self.assertEqual(c.sendmail(
                'ann@example.org', recipients, message, options), {})

    def arrived(self, system, address, marker):
        """The message with that text, when there is one; or None."""
        d = Dialog(system, 'm3mta-imap', '--preauth', address)
        try:
            d.line()
            d.imap('a', 'SELECT INBOX')
            found = d.imap('b', f'SEARCH TEXT "{marker}"')
            numbers = found.split(b'\r\n')[0].split()[2:]
            self.assertLess(len(numbers), 2, 'there twice')
            if not numbers:
                return None
            text = d.imap('c', f'FETCH {int(numbers[0])} BODY.PEEK[]')
            size = re.search(rb'\{(\d+)\}\r\n', text)
            return text[size.end():size.end() + int(size.group(1))]
        finally:
            d.close()

    def wait_for(self, system, address, marker):
        try:
            return wait_for(lambda: self.arrived(system, address, marker),
                            40, marker)
        except AssertionError as e:
            raise AssertionError(
                f'{e}\n{self.other.logs()[-3000:]}\n'
                f'{self.system.logs()[-2000:]}\n{self.far.logs()[-2000:]}')

    serial = 0

    def message(self, body):
        Relay.serial += 1
        return (f'<{Relay.serial}@client.example>',
                STAMPS % Relay.serial + body)

    def test_messages(self):
        messages = {name: self.message(text)
                    for name, text in MESSAGES.items()
                    if name not in ('no header', 'header only')}
        messages['megabyte'] = self.message(
            b'Subject: big\r\n\r\n' + (b'.' * 77 + b'\r\n') * 14000)
        for domain in DOMAINS:
            for _, text in messages.values():
                self.submit(['bob@' + domain, 'eve@' + domain], text)
        for domain, tls in DOMAINS.items():
            for who in ('bob@' + domain, 'eve@' + domain):
                for marker, text in messages.values():
                    self.assert_same(
                        text, self.wait_for(self.far, who, marker), tls)

    def assert_same(self, sent, got, tls):
        trace = TRACE.match(got).group()
        self.assertTrue(got[len(trace):] == sent,
                        f'{sent[:400]} became {got[:1500]}')
        self.assertEqual(trace.count(b'Received:'), 3)
        for n, word in ((0, 'far.example'), (1, self.mta.hostname),
                        (2, 'mx.example.org')):
            self.assertIn(f'by {word}'.encode(), field(trace, n))
        for n, want in ((0, tls), (1, tls and self.mta.can_tls)):
            has_tls = re.search(rb'with e?smtps\b', field(trace, n).lower())
            self.assertEqual(bool(has_tls), want, field(trace, n))
        if tls:
            self.assertIn(b'TLSv1.3', field(trace, 0))

    def test_refused_at_the_end(self):
        """One of two: their report comes back to us with our reason."""
        for domain in DOMAINS:
            marker, text = self.message(b'Subject: refused\r\n\r\nx\r\n')
            with self.subTest(domain=domain):
                self.submit(['bob@' + domain, 'nobody@' + domain], text)
                self.wait_for(self.far, 'bob@' + domain, marker)
                report = email.message_from_bytes(self.wait_for(
                    self.system, 'ann@example.org',
                    'nobody@' + domain))
                self.assertEqual(report['Return-Path'], '<>')
                self.check_report(report, 'nobody@' + domain)

    def check_report(self, report, address):
        if not self.mta.has_dsn:
            self.assertIn('5.1.1', report.as_string())
            return
        self.assertEqual(report.get_content_type(), 'multipart/report')
        part = [p for p in report.walk() if p.get_content_type() ==
                'message/delivery-status'][0]
        fields = part.get_payload()[-1]
        self.assertEqual(fields['Action'], 'failed')
        self.assertIn(address, fields['Final-Recipient'])
        self.assertTrue(fields['Status'].startswith('5.'))
        self.assertIn('5.1.1', fields['Diagnostic-Code'])

    def tearDown(self):
        for system in (self.system, self.far):
            wait_for(lambda: system.db.queue.count_documents({}) == 0,
                     20, 'an empty queue')
            system.verify()


class WithPostfix(Relay, LiveTest):
    mta = Postfix
    lmtp = True

    def test_utf8_address(self):
        """SMTPUTF8 on both ways, of a mailbox that has such a name."""
        self.far.add_mailbox('grüße@tls.example')
        marker, text = self.message('Subject: Grüße\r\n\r\nx\r\n'.encode())
        self.submit(['grüße@tls.example'], text, ['SMTPUTF8'])
        got = self.wait_for(self.far, 'grüße@tls.example', marker)
        self.assertIn(b'UTF8SMTPS', field(TRACE.match(got).group(), 0))
        self.assertTrue(got.endswith(text))

    def test_lmtp(self):
        """A reply for each recipient: one takes it, one is full, one is
        not there."""
        marker, text = self.message(b'Subject: lmtp\r\n\r\n..\r\nx\r\n')
        self.submit([who + '@lmtp.example' for who in
                     ('bob', 'full', 'eve', 'nobody')], text)
        for who in ('bob', 'eve'):
            got = self.wait_for(self.far, who + '@lmtp.example', marker)
            trace = TRACE.match(got).group()
            self.assertIn(b'with LMTP', field(trace, 0))
            self.assertTrue(got[len(trace):] == text)
        report = self.wait_for(self.system, 'ann@example.org',
                               'nobody@lmtp.example')
        self.assertIn(b'5.1.1', report)
        wait_for(lambda: re.search(
            r'to=<full@lmtp.example>.*status=deferred.*452 4\.2\.2',
            self.other.logs()), 20, 'the full mailbox')


class WithExim(Relay, LiveTest):
    mta = Exim


class WithOpenSmtpd(Relay, LiveTest):
    mta = OpenSmtpd


if __name__ == '__main__':
    unittest.main()
