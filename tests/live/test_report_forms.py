"""What a report repeats of a remote system's words, octet by octet, and in
which encodings (RFC 3464, RFC 6533)."""
import datetime
import email
import unittest

from fake_mta import FakeMta
from harness import LiveTest

LOGIN = 'AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ='  # ann


class ReportForms(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        s.set('remote.timeout', {'reply': '5s', 'connect': '5s'})
        s.set('retry', {'durations': '1h notify'})
        s.write_config()
        s.add_domain()
        s.add_mailbox('ann@example.org', '--may-relay')
        for domain in ('far.example', 'b\u00fccher.example'):
            s.m3mta('domain', 'add', domain, '--delivery=relay',
                    '--route=127.0.0.1:1')

    def setUp(self):
        super().setUp()
        self.system.db.queue.delete_many({})
        self.system.db.limits.delete_many({})

    def fake(self, script, extensions=(), domain='far.example'):
        fake = FakeMta(script, extensions)
        self.addCleanup(fake.close)
        self.system.m3mta('domain', 'set', domain,
                          f'--route=127.0.0.1:{fake.port}')
        return fake

    def post(self, to='bob@far.example', params='',
             text='Subject: x\r\n\r\nx\r\n'):
        d = self.dialog('m3mta-smtp')
        d.reply()
        for line in ('EHLO a', f'AUTH PLAIN {LOGIN}',
                     f'MAIL FROM:<ann@example.org>{params}',
                     f'RCPT TO:<{to}>', 'DATA'):
            self.assertRegex(d.smtp(line), '^[23]', line)
        d.send(text.encode() + b'.\r\n')
        self.assertRegex(d.reply()[-1], '^250')
        d.close()
        self.system.mda()

    def octets(self):
        """Of the newest report, behind the fields of the delivery."""
        self.system.mda()
        d = self.dialog('m3mta-imap', '--preauth', 'ann@example.org')
        d.line()
        d.imap('a', 'SELECT INBOX')
        text = d.imap('b', 'FETCH * BODY.PEEK[]')
        text = text[text.index(b'}\r\n') + 3:text.rindex(b')\r\nb OK')]
        return text[text.index(b'From: Mail Delivery'):]

    def fields(self, octets):
        message = email.message_from_bytes(octets)
        self.assertEqual(message.defects, [])
        return message.get_payload()[1].get_payload()[1]

    def diagnostic(self, octets):
        return self.fields(octets)['Diagnostic-Code'].replace('\r\n\t', ' ')

    def well_formed(self, octets):
        for line in octets.split(b'\r\n'):
            self.assertLess(len(line), 999)
        self.assertNotRegex(octets, rb'[^\r]\n|\r[^\n]')
        self.assertTrue(octets.isascii() or
                        b'\r\nContent-Transfer-Encoding: 8bit\r\n' in
                        octets[:octets.index(b'\r\n\r\n') + 2])
        octets.decode('utf-8')

    # --- what was said --------------------------------------------------------

    def test_all_lines_of_a_reply_are_told(self):
        self.fake({'RCPT': '550-5.7.26 one: your message was blocked because'
                   '\r\n550-5.7.26 two: it is not authenticated.\r\n'
                   '550 5.7.26 three'})
        self.post()
        octets = self.octets()
        said = ('one: your message was blocked because two: it is not '
                'authenticated. three')
        self.assertEqual(self.diagnostic(octets), 'smtp; 550 5.7.26 ' + said)
        self.assertIn(f'<bob@far.example>: {said}\r\n'.encode(), octets)
        self.assertEqual(self.fields(octets)['Status'], '5.7.26')
        self.well_formed(octets)

    def test_a_reply_without_an_enhanced_code_gets_none(self):
        self.fake({'RCPT': '553-sorry\r\n553-\r\n553 no such user'})
        self.post()
        octets = self.octets()
        self.assertEqual(self.diagnostic(octets),
                         'smtp; 553 sorry no such user')
        self.assertEqual(self.fields(octets)['Status'], '5.0.0')

    def test_a_long_reply_fills_its_room_and_no_more(self):
        for length in (60, 1022, 1023, 1024, 1025, 1500):
            with self.subTest(length=length):
                self.setUp()
                words = ('word ' * 400)[:length - 1] + 'z'
                self.fake({'RCPT': '\r\n'.join(
                    [f'550-5.1.1 {words[:500]}', '550 5.1.1 ' +
                     words[500:]] if length > 500 else
                    [f'550 5.1.1 {words}'])})
                self.post()
                octets = self.octets()
                self.well_formed(octets)
                told = ' '.join(self.diagnostic(octets).split())
                self.assertLessEqual(len(told), 1023 + 16)
                self.assertTrue(told.startswith('smtp; 550 5.1.1 word word'))

    def test_the_last_answer_is_told_as_it_was(self):
        self.fake({'RCPT': '450 4.2.0 greylisted'})
        self.post()
        self.system.db.limits.delete_many({})
        self.system.db.queue.update_many(
            {'origin': 'smtp'},
            {'$set': {'expires_at': datetime.datetime(2001, 1, 1)}})
        self.system.m3mta('queue', 'retry', '--to=bob@far.example')
        self.system.mda()
        octets = self.octets()
        self.assertEqual(self.fields(octets)['Status'], '4.4.7')
        self.assertEqual(self.diagnostic(octets),
                         'smtp; 450 4.2.0 greylisted')
        self.assertIn(b'Gave up; the last answer was: 450 4.2.0 greylisted',
                      octets)

    # --- encodings ------------------------------------------------------------

    def test_octets_that_are_no_utf8_do_not_get_into_a_report(self):
        fake = self.fake({})
        fake.script['RCPT'] = _Latin('550 5.1.1 bo\u00eete inconnue')
        self.post()
        octets = self.octets()
        self.well_formed(octets)
        self.assertTrue(octets.isascii())
        self.assertEqual(self.diagnostic(octets),
                         'smtp; 550 5.1.1 bo?te inconnue')

    def test_utf8_is_for_people_when_the_message_was_ascii(self):
        self.fake({'RCPT': '550 5.1.1 bo\u00eete inconnue'})
        self.post()
        octets = self.octets()
        self.well_formed(octets)
        self.assertEqual(self.diagnostic(octets),
                         'smtp; 550 5.1.1 bo?te inconnue')
        self.assertIn('bo\u00eete inconnue'.encode(), octets)
        message = email.message_from_bytes(octets)
        self.assertEqual(message['Content-Transfer-Encoding'], '8bit')
        self.assertEqual(
            message.get_payload()[0]['Content-Transfer-Encoding'], '8bit')

    def test_a_header_with_raw_octets_makes_the_report_8bit(self):
        self.fake({'RCPT': '550 5.1.1 no'})
        self.post(text='Subject: gr\u00f6\u00dfe\r\n\r\nx\r\n')
        octets = self.octets()
        self.well_formed(octets)
        message = email.message_from_bytes(octets)
        self.assertEqual(message['Content-Transfer-Encoding'], '8bit')
        self.assertEqual([p.get_content_type()
                          for p in message.get_payload()],
                         ['text/plain', 'message/delivery-status',
                          'text/rfc822-headers'])

    def test_an_ascii_report_is_labelled_7bit_or_nothing(self):
        self.fake({'RCPT': '550 5.1.1 no'})
        self.post()
        octets = self.octets()
        self.assertTrue(octets.isascii())
        self.assertNotIn(b'8bit', octets)

    def test_reports_of_smtputf8_are_those_of_rfc_6533(self):
        self.fake({'RCPT': '550 5.1.1 bo\u00eete inconnue'},
                  ('SMTPUTF8', '8BITMIME'), 'b\u00fccher.example')
        self.post('gr\u00f6\u00dfe@b\u00fccher.example', ' SMTPUTF8 RET=FULL',
                  'Subject: gr\u00f6\u00dfe\r\n\r\nx\r\n')
        octets = self.octets()
        self.well_formed(octets)
        types = [line for line in octets.decode().split('\r\n')
                 if line.startswith('Content-Type: message/')]
        self.assertEqual(types,
                         ['Content-Type: message/global-delivery-status',
                          'Content-Type: message/global'])
        self.assertIn('\r\nFinal-Recipient: utf-8; '
                      'gr\u00f6\u00dfe@b\u00fccher.example\r\n',
                      octets.decode())
        self.assertIn('\r\nDiagnostic-Code: smtp; 550 5.1.1 bo\u00eete '
                      'inconnue\r\n', octets.decode())
        self.assertIn('report-type=global-delivery-status', octets.decode())

    # --- a smarthost and its password ---------------------------------------------

    def smarthost(self, script, extensions, **route):
        fake = FakeMta(script, extensions)
        self.addCleanup(fake.close)
        self.system.settings['remote'].update({
            'route': f'127.0.0.1:{fake.port}', 'route.login': 'hub',
            'route.password': 'hub secret', **route})
        self.system.write_config()
        self.addCleanup(self.no_smarthost)
        self.post('bob@other.example')
        return fake

    def no_smarthost(self):
        for key in list(self.system.settings['remote']):
            if key.startswith('route'):
                del self.system.settings['remote'][key]
        self.system.write_config()

    def recipient(self):
        return self.system.db.queue.find_one({'origin': 'smtp'})[
            'recipients'][0]

    def test_the_reason_of_a_refused_login_is_told(self):
        for reply, code, status, text in (
                ('535 5.7.8 bad', 535, '4.7.8', 'bad'),
                ('534-5.7.9 app password\r\n534 5.7.9 needed', 534, '4.7.9',
                 'app password needed'),
                ('454 4.7.0 later', 454, '4.7.0', 'later')):
            with self.subTest(reply):
                self.setUp()
                self.smarthost({'AUTH': reply}, ('AUTH PLAIN',),
                               **{'route.tls': 'never'})
                r = self.recipient()
                self.assertEqual((r['code'], r['status'], r['text']),
                                 (code, status, text))
        notice = self.octets()
        self.assertEqual(self.fields(notice)['Action'], 'delayed')

    def test_a_smarthost_without_tls_gets_no_password(self):
        fake = self.smarthost({}, ('AUTH PLAIN LOGIN',))
        r = self.recipient()
        self.assertEqual((r['state'], r['status']), ('P', '4.7.0'))
        self.assertIn('password stays here', r['text'])
        self.assertNotIn('AUTH', '\n'.join(fake.commands).upper())

    def test_a_smarthost_without_plain_and_login_gets_no_password(self):
        for extensions in ((), ('AUTH CRAM-MD5',)):
            with self.subTest(extensions):
                self.setUp()
                fake = self.smarthost({}, extensions,
                                      **{'route.tls': 'never'})
                r = self.recipient()
                self.assertEqual((r['state'], r['status']), ('P', '4.7.0'))
                self.assertIn('not offered', r['text'])
                self.assertNotIn('AUTH', '\n'.join(fake.commands).upper())
                self.assertEqual(fake.messages, [])


class _Latin(str):
    """A reply in ISO 8859-1."""

    def encode(self, *unused):
        return super().encode('latin-1')


if __name__ == '__main__':
    unittest.main()
