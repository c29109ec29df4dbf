"""Dialogs with m3mta-imap: lines of cases-imap.md and cases-bad-input.md,
two sessions where it says so."""
import re
import unittest

from harness import LiveTest

MESSAGE = b'From: A <a@b.example>\r\nSubject: one\r\n\r\nbody\r\n'


class Dialogs(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()

    def setUp(self):
        self.address = f'{self._testMethodName}@example.org'
        self.system.m3mta('mailbox', 'add', self.address, '--no-password')

    def tearDown(self):
        self.system.verify()

    def start(self, select='INBOX'):
        d = self.dialog('m3mta-imap', '--preauth', self.address)
        self.assertTrue(d.line().startswith(b'* PREAUTH'))
        if select:
            self.assertIn(b's OK', d.imap('s', f'SELECT {select}'))
        return d

    def append(self, d, n=1, flags='', folder='INBOX', message=MESSAGE):
        for _ in range(n):
            d.send(f'p APPEND {folder} ({flags}) {{{len(message)}}}\r\n')
            self.assertTrue(d.line().startswith(b'+ '))
            d.send(message + b'\r\n')
            answer = d.until('p')
            self.assertIn(b'p OK [APPENDUID', answer)
        return answer

    def ok(self, d, command):
        answer = d.imap('a', command)
        self.assertIn(b'a OK', answer, command)
        return answer

    def test_bad_lines(self):
        d = self.start()
        for line, want in (
                ('a1 FROB', b'a1 BAD'), ('a1 UID', b'a1 BAD'),
                ('a1 UID LOGIN x y', b'a1 BAD'), ('a1 FETCH', b'a1 BAD'),
                ('a1 LOGIN x y', b'a1 BAD'), ('* NOOP', b'* BAD'),
                ('a1 FETCH 0 FLAGS', b'a1 BAD'),
                ('a1 FETCH 1:2:3 FLAGS', b'a1 BAD'),
                ('a1 FETCH 4294967296 FLAGS', b'a1 BAD'),
                ('a1 FETCH 5 FLAGS', b'a1 BAD'),
                ('a1 APPEND INBOX', b'a1 BAD'),
                ('a1 SELECT a//b', b'a1 NO'),
                ('a1 SELECT ""', b'a1 NO'),
                ('a1 CREATE INBOX', b'a1 NO'),
                ('a1 DELETE INBOX', b'a1 NO'),
                ('a1 CREATE &AGE-', b'a1 NO'),
                ('a1 COPY 1 nowhere', b'a1 BAD'),
                ('a1 STARTTLS', b'a1 BAD')):
            d.imap('x', 'SELECT INBOX')
            d.send(line + '\r\n')
            got = d.line()
            while got.startswith(b'* ') and not want.startswith(b'* '):
                got = d.line()
            self.assertTrue(got.startswith(want), (line, got))

    def test_seq_numbers_hold_until_allowed(self):
        """Expunged by another: the numbers stay during FETCH and STORE, and
        move at NOOP."""
        one = self.start()
        self.append(one, 3)
        two = self.start()
        self.ok(two, 'FETCH 1:* FLAGS')
        self.ok(one, r'STORE 1 +FLAGS (\Deleted)')
        self.assertIn(b'* 1 EXPUNGE', self.ok(one, 'EXPUNGE'))
        answer = self.ok(two, 'FETCH 2 (UID)')
        self.assertIn(b'* 2 FETCH (UID 2)', answer)
        self.assertNotIn(b'EXPUNGE', answer)
        answer = self.ok(two, 'NOOP')
        self.assertIn(b'* 1 EXPUNGE', answer)
        self.assertIn(b'* 1 FETCH (UID 2)', self.ok(two, 'FETCH 1 (UID)'))

    def test_lazy_map_after_foreign_expunge(self):
        """The map is loaded after others have expunged: what SELECT told
        still has its numbers."""
        one = self.start()
        self.append(one, 4)
        two = self.start()
        self.ok(one, r'STORE 1:2 +FLAGS (\Deleted)')
        self.ok(one, 'EXPUNGE')
        self.append(one)
        answer = self.ok(two, 'FETCH 3 (UID)')
        self.assertIn(b'* 3 FETCH (UID 3)', answer)
        self.assertIn(b'* 5 EXISTS', answer)
        answer = self.ok(two, 'NOOP')
        self.assertEqual(answer.count(b'EXPUNGE'), 2)
        self.assertIn(b'* 3 FETCH (UID 5)', self.ok(two, 'FETCH 3 UID'))

    def test_flags_of_others_arrive(self):
        one, two = self.start(), self.start()
        self.append(one)
        self.assertIn(b'* 1 EXISTS', self.ok(two, 'NOOP'))
        self.ok(one, r'STORE 1 +FLAGS (\Flagged $Label)')
        answer = self.ok(two, 'NOOP')
        self.assertLess(answer.index(b'* FLAGS ('),
                        answer.index(b'* 1 FETCH'))
        self.assertIn(rb'\Flagged', answer)
        self.ok(two, r'STORE 1 +FLAGS.SILENT (\Seen)')
        answer = self.ok(one, 'NOOP')
        self.assertIn(rb'\Seen', answer)
        self.assertIn(b'$Label', answer)

    def test_flags_since_select(self):
        """The map was not needed yet: what changed since SELECT is told."""
        one = self.start()
        self.append(one, 2)
        two, three = self.start(), self.start()
        three.send('i IDLE\r\n')
        self.assertEqual(three.line(), b'+ idling\r\n')
        self.ok(one, r'STORE 2 +FLAGS (\Flagged)')
        self.assertRegex(self.ok(two, 'NOOP'),
                         rb'\* 2 FETCH \(FLAGS \(\\Flagged.*\)\)')
        self.assertRegex(three.line(),
                         rb'\* 2 FETCH \(FLAGS \(\\Flagged.*\)\)')
        self.assertNotIn(b'FETCH', self.ok(two, 'NOOP'))

    def test_silent(self):
        d = self.start()
        self.append(d)
        self.assertNotIn(b'FETCH',
                         self.ok(d, r'STORE 1 +FLAGS.SILENT (\Seen)'))
        self.assertIn(b'FETCH', self.ok(d, r'STORE 1 -FLAGS (\Seen)'))

    def test_uidplus_and_move(self):
        d = self.start()
        self.append(d, 3)
        answer = self.ok(d, 'UID COPY 1,3 Archive')
        self.assertRegex(answer, rb'COPYUID \d+ 1,3 1:2')
        answer = self.ok(d, 'MOVE 2 Trash')
        self.assertLess(answer.index(b'COPYUID'), answer.index(b'EXPUNGE'))
        self.assertIn(b'a NO [TRYCREATE]', d.imap('a', 'COPY 1 nowhere'))
        self.ok(d, r'STORE 1:2 +FLAGS (\Deleted)')
        answer = self.ok(d, 'UID EXPUNGE 1')
        self.assertEqual(answer.count(b'EXPUNGE\r\n'), 1)

    def test_multiappend(self):
        d = self.start()
        n = len(MESSAGE)
        d.send(f'a APPEND INBOX (\\Seen) {{{n}+}}\r\n'.encode() + MESSAGE +
               f' () {{{n}+}}\r\n'.encode() + MESSAGE + b'\r\n')
        self.assertRegex(d.until('a'), rb'APPENDUID \d+ 1:2\]')
        self.assertIn(b'2', self.ok(d, 'SEARCH UNSEEN'))

    def test_refused_literal_is_not_run(self):
        d = self.start()
        self.assertIn(b'[TOOBIG]',
                      d.imap('a', 'APPEND INBOX {4000000000}'))
        d.send('b APPEND nowhere {14+}\r\nc DELETE Sent\r\n\r\n')
        self.assertIn(b'b NO [TRYCREATE]', d.until('b'))
        self.assertIn(b'Sent', self.ok(d, 'LIST "" Sent'))

    def test_append_normalises_and_refuses_nul(self):
        d = self.start()
        self.append(d, message=b'Subject: x\n\na\nb\n')
        self.assertIn(b'{20}\r\nSubject: x\r\n\r\na\r\nb\r\n',
                      self.ok(d, 'FETCH 1 BODY[]'))
        d.send(b'a APPEND INBOX {3}\r\n')
        d.line()
        d.send(b'a\0b\r\n')
        self.assertIn(b'a NO', d.until('a'))

    def test_sections(self):
        d = self.start()
        inner = (b'From: inner@x.example\r\nSubject: in\r\n\r\ninner text'
                 b'\r\n')
        text = (b'Subject: outer\r\nMIME-Version: 1.0\r\nContent-Type: '
                b'multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: '
                b'text/plain\r\n\r\npart one\r\n--b\r\nContent-Type: '
                b'message/rfc822\r\n\r\n' + inner + b'\r\n--b--\r\n')
        self.append(d, message=text)
        for section, want in (
                ('1', b'part one'), ('1.MIME', b'Content-Type: text/plain'
                                     b'\r\n\r\n'),
                ('2', inner), ('2.HEADER', inner[:inner.index(b'\r\n\r\n') +
                                                 4]),
                ('2.1', b'inner text\r\n'), ('2.TEXT', b'inner text\r\n'),
                ('HEADER.FIELDS (SUBJECT)', b'Subject: outer\r\n\r\n'),
                ('2.HEADER.FIELDS.NOT (FROM)', b'Subject: in\r\n\r\n')):
            answer = self.ok(d, f'FETCH 1 BODY.PEEK[{section}]')
            self.assertIn(b'{%d}\r\n' % len(want) + want, answer, section)
        self.assertIn(b'BODY[1]<5> {3}\r\none',
                      self.ok(d, 'FETCH 1 BODY.PEEK[1]<5.100>'))
        self.assertIn(b'BODY[7] NIL', self.ok(d, 'FETCH 1 BODY.PEEK[7]'))
        self.assertIn(b'BINARY[1] {8}\r\npart one',
                      self.ok(d, 'FETCH 1 BINARY.PEEK[1]'))

    def test_search(self):
        d = self.start()
        self.append(d, message='From: Jörg <j@x.example>\r\nSubject: '
                    '=?utf-8?B?R3LDvMOfZQ==?=\r\nDate: Tue, 1 Feb 1994 '
                    '23:00:00 -0800\r\nContent-Type: text/plain; charset='
                    'iso-8859-1\r\nContent-Transfer-Encoding: '
                    'quoted-printable\r\n\r\nM=FCnchen\r\n'.encode())
        self.append(d, flags=r'\Seen')
        for key, want in (
                ('ALL', b'1 2'), ('SEEN', b'2'), ('SUBJECT one', b'2'),
                ('CHARSET UTF-8 SUBJECT {6+}\r\nGR\u00dcss', b'1'),
                ('CHARSET UTF-8 BODY {8+}\r\nm\u00fcnchen', b'1'),
                ('TEXT body', b'2'), ('SENTON 1-Feb-1994', b'1'),
                ('SENTBEFORE 1-Feb-1994', b''), ('NOT SEEN', b'1'),
                ('OR SEEN SUBJECT one', b'2'), ('UID 2:*', b'2'),
                ('LARGER 100000', b''), ('HEADER X-None ""', b''),
                ('FROM j@x.example', b'1')):
            answer = self.ok(d, 'SEARCH ' + key)
            self.assertEqual(
                re.search(rb'\* SEARCH ?([\d ]*)\r\n', answer).group(1),
                want, key)
        self.assertIn(b'[BADCHARSET', d.imap('a', 'SEARCH CHARSET X ALL'))
        self.assertIn(b'* ESEARCH (TAG "a") MIN 1 MAX 2 COUNT 2 ALL 1:2',
                      self.ok(d, 'SEARCH RETURN (MIN MAX COUNT ALL) ALL'))
        self.ok(d, 'SEARCH RETURN (SAVE) SEEN')
        self.assertIn(b'* 2 FETCH', self.ok(d, 'FETCH $ FLAGS'))

    def test_condstore(self):
        d = self.start('INBOX (CONDSTORE)')
        self.append(d, 2)
        first = re.search(rb'MODSEQ \((\d+)\)',
                          self.ok(d, 'FETCH 1 MODSEQ')).group(1).decode()
        self.ok(d, r'STORE 2 +FLAGS (\Seen)')
        answer = d.imap('a', f'STORE 1:2 (UNCHANGEDSINCE {first}) '
                             r'+FLAGS (\Flagged)')
        self.assertIn(b'[MODIFIED 2]', answer)
        answer = self.ok(d, f'FETCH 1:* FLAGS (CHANGEDSINCE {first})')
        self.assertIn(b'* 2 FETCH', answer)

    def test_list(self):
        d = self.start()
        self.ok(d, 'CREATE a/b/c')
        self.ok(d, 'SUBSCRIBE a/b/c')
        self.assertIn(rb'* LIST (\HasChildren) "/" "a"',
                      self.ok(d, 'LIST "" %'))
        answer = self.ok(d, 'LIST "" (a%) RETURN (STATUS (MESSAGES))')
        self.assertIn(b'* STATUS "a" (MESSAGES 0)', answer)
        self.assertIn(b'CHILDINFO ("SUBSCRIBED")',
                      self.ok(d, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" %'))
        self.assertIn(rb'\Sent',
                      self.ok(d, 'LIST (SPECIAL-USE) "" *'))
        self.assertIn(b'* LIST (\\Noselect) "/" ""',
                      self.ok(d, 'LIST "" ""'))
        self.ok(d, 'CREATE Entw&APw-rfe')
        self.assertIn(b'"Entw&APw-rfe"', self.ok(d, 'LIST "" Entw*'))
        self.ok(d, 'RENAME a z')
        self.assertIn(b'"z/b/c"', self.ok(d, 'LIST "" *'))

    def test_idle_hears_the_other(self):
        one, two = self.start(), self.start()
        two.send('i IDLE\r\n')
        self.assertTrue(two.line().startswith(b'+ '))
        self.append(one)
        self.assertEqual(two.line(), b'* 1 EXISTS\r\n')
        two.line()
        two.send('DONE\r\n')
        self.assertIn(b'i OK', two.until('i'))

    def test_examine_changes_nothing(self):
        one = self.start()
        self.append(one)
        d = self.start(None)
        self.assertIn(b'[READ-ONLY]', self.ok(d, 'EXAMINE INBOX'))
        self.ok(d, 'FETCH 1 BODY[]')
        self.assertIn(b'a NO', d.imap('a', r'STORE 1 +FLAGS (\Seen)'))
        self.assertIn(b'a NO', d.imap('a', 'EXPUNGE'))
        self.assertIn(b'* SEARCH\r\n', self.ok(d, 'SEARCH SEEN'))

    def test_quota(self):
        self.system.m3mta('mailbox', 'set', self.address, '--quota=100')
        d = self.start()
        self.append(d)
        self.assertIn(b'[OVERQUOTA]', d.imap('a', 'APPEND INBOX {90}'))
        self.append(d)
        self.assertIn(b'[OVERQUOTA]', d.imap('a', 'COPY 1 Archive'))

    def test_ten_bad_end_it(self):
        d = self.dialog('m3mta-imap')
        d.line()
        self.ok(d, 'NOOP')
        for i in range(9):
            self.assertIn(b'BAD', d.imap('a', 'FROB'))
        self.assertIn(b'BAD', d.imap('a', 'FROB'))
        self.assertTrue(d.line().startswith(b'* BYE'))
        self.assertTrue(d.is_closed())


if __name__ == '__main__':
    unittest.main()
