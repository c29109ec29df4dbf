"""PREVIEW (RFC 8970) over the wire, and the search for what its charset's
superset or a split character hides."""
import unittest

from bad_input import BadInput

HEAD = 'Subject: {}\r\nMIME-Version: 1.0\r\nContent-Type: {}\r\n\r\n'


def mail(body, kind='text/plain; charset=utf-8', subject='x'):
    body = body if isinstance(body, bytes) else body.encode()
    return HEAD.format(subject, kind).encode() + body + b'\r\n'


class Preview(BadInput):
    def preview(self, d, message):
        self.append(d, message)
        self.ok(d, 'NOOP')
        return self.ok(d, 'FETCH * PREVIEW').split(b'\r\na OK')[0]

    def test_text_of_each_charset_is_a_literal_before_enable(self):
        d = self.select()
        for charset, octets, want in (
                ('windows-1252', b'Gr\xfc\xdfe \x96 5 \x80', 'Grüße – 5 €'),
                ('koi8-r', b'\xf0\xd2\xc9\xd7\xc5\xd4', 'Привет'),
                ('iso-2022-jp', b'\x1b$B$3$s\x1b(B', 'こん'),
                ('gb18030', b'\xc4\xe3\xba\xc3', '你好'),
                ('iso-8859-16', b'\xfear\xe3', 'țară')):
            got = self.preview(
                d, mail(octets, f'text/plain; charset={charset}'))
            text = want.encode()
            self.assertTrue(got.endswith(
                b'(PREVIEW {%d}\r\n%s)' % (len(text), text)), got)
        self.assertTrue(self.preview(d, mail('Gr')).endswith(
            b'(PREVIEW "Gr")'))

    def test_text_is_a_quoted_string_after_enable(self):
        d = self.select()
        self.ok(d, 'ENABLE UTF8=ACCEPT')
        got = self.preview(d, mail('Grüße'))
        self.assertTrue(got.endswith('(PREVIEW "Grüße")'.encode()), got)

    def test_a_newsletter_shows_its_text(self):
        d = self.select()
        got = self.preview(d, mail(
            '<html><head><style>' + '.a { color: red; }\r\n' * 3000 +
            '</style></head><!--[if mso]><xml>96</xml><![endif]-->'
            '<p>D<b>ea</b>r &quot;customer&quot;</p>', 'text/html'))
        self.assertTrue(
            got.endswith(b'(PREVIEW "Dear \\"customer\\"")'), got)

    def test_supersets_and_split_characters_are_found(self):
        d = self.select()
        for subject, want in (
                ('=?iso-8859-1?Q?=93quoted=94_=80_5?=', '“quoted” €'),
                ('=?gb2312?B?6UY=?=', '镕'),
                ('=?utf-8?Q?long_=E2=82?=\r\n =?utf-8?Q?=AC_sign?=',
                 'long € sign')):
            self.append(d, mail('x', subject=subject))
            self.ok(d, 'NOOP')
            for word in want.split():
                text = word.encode()
                got = self.ok(d, b'SEARCH CHARSET UTF-8 SUBJECT {%d+}\r\n' %
                              len(text) + text)
                self.assertRegex(got, rb'\* SEARCH( \d+)+\r\n', (word, got))


if __name__ == '__main__':
    unittest.main()
