"""METADATA and METADATA-SERVER (RFC 5464) by hand."""
import unittest

from preauth import PreauthTest

MAXIMUM = 32768
MAX_ENTRIES = 128


class Dialogs(PreauthTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()

    def setUp(self):
        self.address = f'{self._testMethodName}@example.org'
        self.system.m3mta('mailbox', 'add', self.address, '--no-password')

    def tearDown(self):
        self.system.verify()

    def start(self, address=None):
        return super().start(address or self.address)

    def no(self, d, command, code):
        return super().no(d, command, code + b']')

    def count(self):
        owner = self.system.db.mailboxes.find_one(
            {'_id': self.address})['owner']
        return self.system.db.annotations.count_documents({'owner': owner})

    def test_set_and_get(self):
        d = self.start()
        words = self.ok(d, 'CAPABILITY').split()
        self.assertIn(b'METADATA', words)
        self.assertIn(b'METADATA-SERVER', words)
        self.ok(d, 'SETMETADATA INBOX (/private/comment "My \\"own\\"" '
                   '/SHARED/Comment {3+}\r\nabc)')
        answer = self.ok(d, 'GETMETADATA inbox (/shared/comment '
                            '/Private/COMMENT /private/none)')
        self.assertEqual(
            answer, b'* METADATA "INBOX" (/shared/comment "abc" '
                    b'/private/comment "My \\"own\\"" '
                    b'/private/none NIL)\r\na OK Done\r\n')
        self.ok(d, 'SETMETADATA INBOX (/private/comment "" '
                   '/shared/comment NIL /shared/none nil)')
        answer = self.ok(d, 'GETMETADATA "INBOX" /private/comment')
        self.assertIn(b'(/private/comment "")', answer)
        answer = self.ok(d, 'GETMETADATA "INBOX" /shared/comment')
        self.assertIn(b'(/shared/comment NIL)', answer)
        self.assertEqual(self.count(), 1)

    def test_octets(self):
        d = self.start()
        value = bytes(range(256)) * 2
        d.send(b'a SETMETADATA INBOX (/private/x ~{%d+}\r\n%s)\r\n' %
               (len(value), value))
        self.assertIn(b'a OK', d.until('a'))
        self.assertIn(b'(/private/x ~{512}\r\n' + value + b')\r\n',
                      self.ok(d, 'GETMETADATA INBOX /private/x'))
        text = 'Gr\u00fc\u00dfe\r\n'.encode()
        d.send(b'a SETMETADATA INBOX ("/private/a b" {%d+}\r\n%s)\r\n' %
               (len(text), text))
        self.assertIn(b'a OK', d.until('a'))
        self.assertIn(b'("/private/a b" {%d}\r\n' % len(text) + text + b')',
                      self.ok(d, 'GETMETADATA INBOX "/private/a b"'))

    def test_depth(self):
        d = self.start()
        self.ok(d, 'SETMETADATA INBOX (/private/f "0" /private/f/a "1" '
                   '/private/f/a/b "2" /private/fx "3" /shared/f/a "4")')
        for depth, want in ((0, b'/private/f "0"'),
                            (1, b'/private/f "0" /private/f/a "1"'),
                            ('infinity', b'/private/f "0" /private/f/a "1" '
                                         b'/private/f/a/b "2"')):
            for command in (f'GETMETADATA (DEPTH {depth}) INBOX /private/f',
                            f'GETMETADATA INBOX (DEPTH {depth}) '
                            '(/private/f)'):
                self.assertEqual(
                    self.ok(d, command), b'* METADATA "INBOX" (' + want +
                    b')\r\na OK Done\r\n')
        answer = self.ok(d, 'GETMETADATA (DEPTH infinity) INBOX '
                            '(/private /private/f /shared)')
        for n in range(5):
            self.assertEqual(answer.count(b'"%d"' % n), 1)
        self.assertEqual(
            self.ok(d, 'GETMETADATA (DEPTH 1) INBOX /private/none'),
            b'a OK Done\r\n')

    def test_maxsize(self):
        d = self.start()
        self.ok(d, 'SETMETADATA INBOX (/private/a "12345" /private/b '
                   '"1234567" /private/c "1234")')
        self.assertEqual(
            self.ok(d, 'GETMETADATA (MAXSIZE 4 DEPTH 1) INBOX /private'),
            b'* METADATA "INBOX" (/private/c "1234")\r\n'
            b'a OK [METADATA LONGENTRIES 7] Done\r\n')
        self.assertNotIn(b'LONGENTRIES', self.ok(
            d, 'GETMETADATA (DEPTH 1 MAXSIZE 7) INBOX /private'))

    def test_limits(self):
        d = self.start()
        for size, want in ((MAXIMUM - 1, b'a OK'), (MAXIMUM, b'a OK'),
                           (MAXIMUM + 1,
                            b'a NO [METADATA MAXSIZE %d]' % MAXIMUM)):
            d.send(f'a SETMETADATA INBOX (/private/x {{{size}+}}\r\n')
            d.send(b'v' * size + b')\r\n')
            self.assertIn(want, d.until('a'), size)
        self.assertIn(b'{%d}\r\n' % MAXIMUM,
                      self.ok(d, 'GETMETADATA INBOX /private/x'))
        pairs = ' '.join(f'/private/n{i} "x"'
                         for i in range(MAX_ENTRIES - 1))
        self.ok(d, f'SETMETADATA INBOX ({pairs})')
        self.ok(d, 'SETMETADATA INBOX (/private/n1 "changed")')
        # All or nothing.
        self.no(d, 'SETMETADATA INBOX (/private/n2 "y" /private/one "x")',
                b'METADATA TOOMANY')
        self.assertIn(b'"x"', self.ok(d, 'GETMETADATA INBOX /private/n2'))
        self.ok(d, 'SETMETADATA INBOX (/private/n2 NIL /private/one "x")')
        self.ok(d, 'SETMETADATA Sent (/private/one "x")')
        name = '/private/' + 'x' * (255 - 9)
        self.ok(d, f'SETMETADATA Sent ({name} "1")')
        self.no(d, f'SETMETADATA Sent ({name}x "1")', b'LIMIT')

    def test_bad(self):
        d = self.start()
        for name in ('private/x', '/other/x', '/private//x', '/private/x/',
                     '"/private/*"', '"/private/%"', '/privatex', '""',
                     '{11+}\r\n/private/\u00e4'):
            for command in (f'GETMETADATA INBOX ({name})',
                            f'SETMETADATA INBOX ({name} "x")'):
                self.assertIn(b'a BAD', d.imap('a', command), command)
        for command in ('GETMETADATA INBOX', 'GETMETADATA INBOX ()',
                        'GETMETADATA (DEPTH 2) INBOX /private/x',
                        'GETMETADATA (MAXSIZE) INBOX /private/x',
                        'GETMETADATA (MAXSIZE -1) INBOX /private/x',
                        'GETMETADATA (FOO 1) INBOX /private/x',
                        'GETMETADATA () INBOX /private/x',
                        'GETMETADATA (DEPTH 1) (INBOX) /private/x',
                        'SETMETADATA INBOX', 'SETMETADATA INBOX ()',
                        'SETMETADATA INBOX (/private/x)',
                        'SETMETADATA INBOX (/private/x atom)',
                        'SETMETADATA INBOX (/private/x ("y"))',
                        'SETMETADATA INBOX (/private "x")'):
            self.assertIn(b'a BAD', d.imap('a', command), command)
        for command in ('GETMETADATA none /private/x',
                        'SETMETADATA none (/private/x "1")'):
            self.no(d, command, b'NONEXISTENT')
        self.assertEqual(self.count(), 0)

    def test_rename_and_delete(self):
        d = self.start()
        for name in ('One', 'One/Two'):
            self.ok(d, f'CREATE {name}')
            self.ok(d, f'SETMETADATA {name} (/private/x "{name}")')
        self.ok(d, 'RENAME One New')
        for name in ('New', 'New/Two'):
            self.assertIn(name.replace('New', 'One').encode(),
                          self.ok(d, f'GETMETADATA {name} /private/x'))
        self.ok(d, 'DELETE New/Two')
        self.assertEqual(self.count(), 1)
        self.ok(d, 'CREATE New/Two')
        self.assertIn(b'NIL', self.ok(d, 'GETMETADATA New/Two /private/x'))
        self.ok(d, 'DELETE New')
        self.assertEqual(self.count(), 0)

    def test_mailbox_removed(self):
        d = self.start()
        self.ok(d, 'SETMETADATA INBOX (/private/x "1")')
        self.ok(d, 'SETMETADATA "" (/private/x "1")')
        self.assertEqual(self.count(), 2)
        before = self.system.db.annotations.count_documents({})
        self.system.m3mta('mailbox', 'remove', self.address, '--yes')
        self.assertEqual(
            self.system.db.annotations.count_documents({}), before - 2)
        self.no(d, 'SETMETADATA "" (/private/x "1")', b'NONEXISTENT')

    def test_server(self):
        """/private belongs to the user, /shared to all; only an admin
        writes it."""
        d, other = self.start(), 'admin@example.org'
        self.system.m3mta('mailbox', 'add', other, '--no-password',
                          '--admin')
        admin = self.start(other)
        self.ok(d, 'SETMETADATA "" (/private/comment "mine")')
        self.no(d, 'SETMETADATA "" (/private/comment "x" /shared/comment '
                   '"x")', b'NOPERM')
        self.ok(admin, 'SETMETADATA "" (/shared/admin "mailto:p@b.example" '
                       '/private/comment "his")')
        self.assertEqual(
            self.ok(d, 'GETMETADATA "" (/shared/admin /private/comment)'),
            b'* METADATA "" (/shared/admin "mailto:p@b.example" '
            b'/private/comment "mine")\r\na OK Done\r\n')
        self.ok(admin, 'SETMETADATA "" (/shared/admin NIL)')
        self.assertIn(b'NIL', self.ok(d, 'GETMETADATA "" /shared/admin'))

    def test_special_use(self):
        """RFC 6154 4: the entry and the attribute are one."""
        d = self.start()
        entry = '/private/specialuse'
        self.assertIn(b'"\\\\Sent"',
                      self.ok(d, f'GETMETADATA Sent {entry}'))
        self.assertIn(b'NIL', self.ok(d, f'GETMETADATA INBOX {entry}'))
        self.ok(d, 'CREATE Old')
        self.ok(d, f'SETMETADATA Old ({entry} "\\\\Archive" '
                   '/private/x "1")')
        self.assertIn(b'\\Archive', self.ok(d, 'LIST "" Old'))
        for use in ('\\\\All', '\\\\Sent \\\\Junk', 'foo', ''):
            self.no(d, f'SETMETADATA Old (/private/x "2" {entry} "{use}")',
                    b'USEATTR')
        self.no(d, f'SETMETADATA "" ({entry} "\\\\Sent")', b'USEATTR')
        self.ok(d, f'SETMETADATA Old ({entry} NIL)')
        self.assertNotIn(b'\\Archive', self.ok(d, 'LIST "" Old'))
        self.assertIn(b'"1"', self.ok(d, 'GETMETADATA Old /private/x'))


if __name__ == '__main__':
    unittest.main()
