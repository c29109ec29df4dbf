"""CATENATE (RFC 4469), UTF8 (RFC 6855) and the ends of MULTIAPPEND."""
import re
import unittest

from harness import LiveTest

MIXED = ('From: Ann <ann@example.org>\r\nSubject: mixed\r\n'
         'MIME-Version: 1.0\r\n'
         'Content-Type: multipart/mixed; boundary=b\r\n\r\n'
         '--b\r\nContent-Type: text/plain\r\n\r\nfirst part\r\n'
         '--b\r\nContent-Type: message/rfc822\r\n\r\n'
         'Subject: inner\r\n\r\ninner text\r\n'
         '--b--\r\n')
TEXT = 'Subject: plain\r\nX-One: 1\r\n\r\nhello world\r\n'


class Catenate(LiveTest):
    settings = {'imap__append__maximum': 65536}

    @classmethod
    def prepare(cls):
        cls.system.add_domain()

    def setUp(self):
        self.address = f'u{self._testMethodName}@example.org'
        self.system.add_mailbox(self.address)
        self.d = self.session()
        self.append('INBOX', MIXED)
        self.append('INBOX', TEXT)

    def session(self):
        d = self.dialog('m3mta-imap', '--preauth', self.address)
        self.assertIn(b' CATENATE ', d.line())
        return d

    def append(self, box, text):
        self.ok(f'APPEND {box} {{{len(text)}+}}\r\n{text}')

    def ok(self, command):
        text = self.d.imap('a', command)
        self.assertIn(b'\na OK', b'\n' + text, command)
        return text

    def no(self, command, code):
        text = self.d.imap('a', command)
        self.assertTrue(text.startswith(b'a NO ' + code), text)
        # Nothing of it ran, and the session is in step.
        self.assertTrue(self.d.imap('n', 'NOOP').startswith(b'n OK'))

    def bad(self, command):
        text = self.d.imap('a', command)
        self.assertTrue(text.startswith(b'a BAD'), text)
        self.assertTrue(self.d.imap('n', 'NOOP').startswith(b'n OK'))

    def count(self, box='Drafts'):
        text = self.ok(f'STATUS {box} (MESSAGES)')
        return int(re.search(rb'MESSAGES (\d+)', text).group(1))

    def last(self, box='Drafts'):
        self.ok(f'EXAMINE {box}')
        text = self.ok('FETCH * BODY.PEEK[]')
        self.ok('UNSELECT')
        size = int(re.search(rb'\{(\d+)\}', text).group(1))
        return text[text.index(b'}\r\n') + 3:][:size].decode()

    def test_urls_name_what_fetch_gives(self):
        self.ok('EXAMINE INBOX')
        for section, number in (
                ('', 1), ('HEADER', 1), ('TEXT', 1), ('1', 1), ('1.MIME', 1),
                ('2', 1), ('2.HEADER', 1), ('2.TEXT', 1), ('2.1', 1), ('1', 2),
                ('HEADER.FIELDS (SUBJECT X-ONE)', 2),
                ('HEADER.FIELDS.NOT (SUBJECT)', 2)):
            for partial in ('', '<0.10>', '<3.7>', '<5.100000>'):
                with self.subTest(section=section, partial=partial):
                    self.check_section(section, number, partial)

    def check_section(self, section, number, partial):
        text = self.ok(f'FETCH {number} BODY.PEEK[{section}]{partial}')
        size = int(re.search(rb'\{(\d+)\}', text).group(1))
        want = text[text.index(b'}\r\n') + 3:][:size].decode()
        url = f'/INBOX/;UID={number}'
        if section:
            url += '/;SECTION=' + section.replace(' ', '%20')
        if partial:
            url += '/;PARTIAL=' + partial[1:-1]
        self.ok(f'APPEND Drafts CATENATE (TEXT {{3+}}\r\n<<< URL "{url}" '
                f'TEXT {{3+}}\r\n>>>)')
        d = self.session()
        d.imap('s', 'EXAMINE Drafts')
        text = d.imap('f', 'FETCH * BODY.PEEK[]')
        got = text[text.index(b'}\r\n') + 3:][:len(want) + 6].decode()
        self.assertEqual(got, f'<<<{want}>>>')

    def test_parts_in_any_order(self):
        self.ok('APPEND Drafts (\\Draft $x) " 1-Jan-2020 10:00:00 +0000" '
                'CATENATE (URL "/INBOX/;UID=2;section=HEADER" TEXT {6+}\r\n'
                'one\r\n\n URL {27+}\r\n/INBOX/;UID=2/;SECTION=TEXT)')
        self.assertEqual(self.last(), TEXT[:TEXT.index('hello')] +
                         'one\r\n\r\nhello world\r\n')
        self.ok('SELECT Drafts')
        text = self.ok('FETCH 1 (FLAGS INTERNALDATE ENVELOPE)')
        self.assertIn(b'$x', text)
        self.assertIn(b' 1-Jan-2020 10:00:00', text)
        self.assertIn(b'"plain"', text)

    def test_synchronizing_literals(self):
        d = self.d
        d.send('a APPEND Drafts CATENATE (TEXT {12}\r\n')
        self.assertTrue(d.line().startswith(b'+ '))
        d.send('Subject: x\r\n URL "/INBOX/;UID=2/;SECTION=TEXT" TEXT {5}\r\n')
        self.assertTrue(d.line().startswith(b'+ '))
        d.send('last\n URL {15}\r\n')
        self.assertTrue(d.line().startswith(b'+ '))
        d.send('/INBOX/;UID=999)\r\n')
        self.assertTrue(d.until('a').startswith(b'a NO [BADURL '))
        d.send('a APPEND Drafts CATENATE (TEXT {14}\r\n')
        self.assertTrue(d.line().startswith(b'+ '))
        d.send('Subject: x\r\n\r\n URL {27}\r\n')
        self.assertTrue(d.line().startswith(b'+ '))
        d.send('/INBOX/;UID=2/;SECTION=TEXT)\r\n')
        self.assertIn(b'a OK [APPENDUID', d.until('a'))
        self.assertEqual(self.last(), 'Subject: x\r\n\r\nhello world\r\n')
        # Refused before the client sends it.
        d.send('a APPEND Drafts CATENATE (URL "/INBOX/;UID=77" TEXT {5}\r\n')
        self.assertTrue(d.until('a').startswith(
            b'a NO [BADURL /INBOX/;UID=77]'))
        self.assertTrue(d.imap('n', 'NOOP').startswith(b'n OK'))
        self.assertEqual(self.count(), 1)

    def test_bad_urls(self):
        validity = int(re.search(rb'UIDVALIDITY (\d+)', self.ok(
            'STATUS INBOX (UIDVALIDITY)')).group(1))
        self.ok(f'APPEND Drafts CATENATE (URL '
                f'"/INBOX;UIDVALIDITY={validity}/;UID=1")')
        for url in (f'/INBOX;UIDVALIDITY={validity + 1}/;UID=1',
                    '/INBOX/;UID=0', '/INBOX/;UID=99', '/INBOX', '/',
                    '/Nowhere/;UID=1', '/INBOX/;UID=1/;SECTION=7',
                    '/INBOX/;UID=1/;SECTION=FOO', '/INBOX/;UID=1/;SECTION=',
                    '/INBOX/;UID=1/;PARTIAL=x', '/INBOX/;UID=1/;PARTIAL=1.0',
                    '/INBOX/;UID=1;UID=1', '/INBOX/;UID=1/;FOO=1',
                    '/IN%GGBOX/;UID=1', '/IN%00/;UID=1', '/%ff/;UID=1',
                    'imap://mx.example.org/INBOX/;UID=1',
                    '//mx.example.org/INBOX/;UID=1', 'http://x/', '',
                    ';UID=1', '/;UID=1', '/INBOX/;UID=1?SUBJECT%20x',
                    '/INBOX/;UID=4294967296', '/IN BOX/;UID=1'):
            with self.subTest(url=url):
                self.no(f'APPEND Drafts CATENATE (URL "{url}")',
                        b'[BADURL ' + url.encode() + b']')
                self.no(f'APPEND Drafts CATENATE (URL "{url}" TEXT {{9+}}\r\n'
                        f'x LOGOUT\n URL "/INBOX/;UID=1" TEXT {{10+}}\r\n'
                        f'x LOGOUT\r\n)', b'[BADURL ')
        self.no('APPEND Drafts CATENATE (URL "/x]y/;UID=1")',
                b'[BADURL /x%5Dy/;UID=1]')
        self.assertEqual(self.count(), 1)

    def test_relative_to_the_selected_mailbox(self):
        for box in ('a/b', 'a/c', '"Entw&APw-rfe"'):
            self.ok(f'CREATE {box}')
            self.append(box, f'Subject: {box}\r\n\r\n{box}\r\n')
        self.ok('SELECT a/b')
        for url, want in ((';UID=1/;SECTION=TEXT', 'a/b'),
                          ('c/;UID=1/;SECTION=TEXT', 'a/c'),
                          ('/a/c/;UID=1/;SECTION=TEXT', 'a/c'),
                          ('/Entw%C3%BCrfe/;UID=1/;SECTION=TEXT',
                           '"Entw&APw-rfe"')):
            self.ok(f'APPEND Drafts CATENATE (TEXT {{2+}}\r\n\r\n '
                    f'URL "{url}")')
            self.ok('UNSELECT')
            self.assertEqual(self.last(), f'\r\n{want}\r\n')
            self.ok('SELECT a/b')
        # No \Seen, and the selected mailbox stays selected.
        self.ok('EXAMINE INBOX')
        self.assertNotIn(b'Seen', self.ok('FETCH 1:* FLAGS'))

    def test_multiappend_is_atomic(self):
        one = 'CATENATE (URL "/INBOX/;UID=2")'
        self.assertRegex(self.ok(
            f'APPEND Drafts (\\Seen) {one} {{14+}}\r\nSubject: 2\r\n\r\n '
            f'(\\Flagged) {one} CATENATE (TEXT {{14+}}\r\nSubject: 4\r\n\r\n)'),
            rb'APPENDUID \d+ 1:4\]')
        self.assertEqual(self.count(), 4)
        self.no(f'APPEND Drafts {one} {{14+}}\r\nSubject: 2\r\n\r\n '
                f'CATENATE (URL "/INBOX/;UID=3") {{14+}}\r\n'
                f'Subject: 4\r\n\r\n', b'[BADURL ')
        self.no(f'APPEND Drafts {one} {{0+}}\r\n', b'An empty message')
        self.no('APPEND Drafts CATENATE (TEXT {0+}\r\n)', b'An empty')
        self.no('APPEND Drafts {0+}\r\n', b'An empty message')
        self.assertEqual(self.count(), 4)
        text = 'APPEND Drafts' + ' {3+}\r\na\r\n' * 1001
        self.no(text, b'[LIMIT]')
        self.no('APPEND Drafts CATENATE (TEXT {2+}\r\n\r\n' +
                ' TEXT {1+}\r\na' * 1001 + ')', b'[LIMIT]')
        self.assertEqual(self.count(), 4)

    def test_replace(self):
        self.ok('SELECT INBOX')
        text = self.ok('REPLACE 2 INBOX CATENATE (URL ";UID=2/;SECTION=HEADER"'
                       ' TEXT {5+}\r\nnew\r\n)')
        self.assertRegex(text, rb'\* OK \[APPENDUID \d+ 3\]')
        self.assertIn(b'* 2 EXPUNGE', text)
        self.no('UID REPLACE 3 INBOX CATENATE (URL ";UID=2")', b'[BADURL ')
        self.ok('UNSELECT')
        self.assertEqual(self.last('INBOX'),
                         TEXT[:TEXT.index('hello')] + 'new\r\n')

    def test_limits(self):
        self.system.m3mta('mailbox', 'set', self.address, '--quota=10k')
        self.d = self.session()
        self.ok('APPEND Drafts CATENATE (URL "/INBOX/;UID=1" '
                'TEXT {4000+}\r\n' + 'x' * 4000 + ')')
        four = ' '.join(['URL "/Drafts/;UID=1"'] * 4)
        self.no(f'APPEND Drafts CATENATE ({four})', b'[OVERQUOTA]')
        self.no('APPEND Drafts CATENATE (URL "/Drafts/;UID=1") '
                'CATENATE (URL "/Drafts/;UID=1")', b'[OVERQUOTA]')
        self.d.send('a APPEND Drafts CATENATE (URL "/Drafts/;UID=1" '
                    'TEXT {4000}\r\n')
        self.assertTrue(self.d.until('a').startswith(b'a NO [OVERQUOTA]'))
        self.assertEqual(self.count(), 1)
        self.system.m3mta('mailbox', 'set', self.address, '--quota=0')
        self.append('Drafts', 'x' * 50000)
        self.no('APPEND Drafts CATENATE (URL "/Drafts/;UID=2" '
                'URL "/Drafts/;UID=2")', b'[TOOBIG]')
        self.d.send('a APPEND Drafts CATENATE (URL "/Drafts/;UID=2" '
                    'TEXT {50000}\r\n')
        self.assertTrue(self.d.until('a').startswith(b'a NO [TOOBIG]'))

    def test_bad_syntax(self):
        for data in ('CATENATE ()', 'CATENATE', 'CATENATE x',
                     'CATENATE (URL)', 'CATENATE (TEXT "quoted")',
                     'CATENATE (FOO "x")', 'CATENATE (URL (x))',
                     'CATENATE (URL "/INBOX/;UID=2"',
                     'CATENATE (TEXT {3+}\r\nabc',
                     'CATENATE (TEXT {3+}\r\nabc FOO)',
                     'CATENATE (TEXT {3+}\r\nabc) (x',
                     'CATENATE (URL "/INBOX/;UID=2") foo',
                     'UTF8 (~{3+}\r\nabc)', 'UTF8 {3+}\r\nabc', ''):
            with self.subTest(data=data):
                self.bad(f'APPEND Drafts {data}')
        self.assertEqual(self.count(), 0)

    def test_utf8(self):
        self.ok('ENABLE UTF8=ACCEPT')
        text = 'Subject: gr\u00fc\u00dfe\r\n\r\nhallo\r\n'.encode()
        size = b'%d+' % len(text)

        def data(before, after):
            self.d.send(b'a APPEND Drafts ' + before + b' (~{' + size +
                        b'}\r\n' + text + b')' + after + b'\r\n')
            return self.d.until('a')
        self.assertIn(b'APPENDUID', data(b'(\\Seen) UTF8', b''))
        self.assertIn(b'APPENDUID', data(
            b'CATENATE (URL "/INBOX/;UID=2/;SECTION=HEADER" UTF8',
            b' TEXT {3+}\r\nabc)'))
        self.assertIn(b'APPENDUID', data(b'UTF8', b' {3+}\r\nabc'))
        self.assertIn(b'a BAD', self.d.imap(
            'a', 'APPEND Drafts UTF8 ({3+}\r\nabc)'))
        self.ok('EXAMINE Drafts')
        self.assertIn('"gr\u00fc\u00dfe"'.encode(),
                      self.ok('FETCH 1 ENVELOPE'))
        self.assertIn(b'4 EXISTS', self.ok('EXAMINE Drafts'))

    def test_nul_in_literal8(self):
        self.no('APPEND Drafts ~{3+}\r\na\0b', b'[UNKNOWN-CTE]')
        self.no('APPEND Drafts {3+}\r\na\0b', b'[CANNOT]')

    def test_refused_commands_run_nothing(self):
        d = self.d
        for command in ('APPEND Nowhere', 'APPEND', 'REPLACE 1 INBOX',
                        'APPEND Drafts (\\Bad)', 'APPEND Drafts foo'):
            d.send(f'a {command} {{10+}}\r\nx LOGOUT\r\n {{10+}}\r\n'
                   f'x LOGOUT\r\n\r\n')
            self.assertRegex(d.until('a'), rb'^a (NO|BAD)')
            self.assertTrue(d.imap('n', 'NOOP').startswith(b'n OK'), command)


if __name__ == '__main__':
    unittest.main()
