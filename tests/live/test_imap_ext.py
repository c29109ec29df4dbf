"""QRESYNC, COMPRESS, REPLACE, UIDONLY, IMAP4rev2."""
import re
import unittest
import zlib

from harness import LiveTest


class Extensions(LiveTest):
    # Nothing is hidden.
    settings = {'imap__capabilities__hide': []}

    @classmethod
    def prepare(cls):
        cls.system.add_domain()

    def setUp(self):
        self.address = f'u{self._testMethodName}@example.org'
        self.system.add_mailbox(self.address)

    def session(self, *enable, select=None):
        d = self.dialog('m3mta-imap', '--preauth', self.address)
        d.line()
        if enable:
            text = d.imap('e', 'ENABLE ' + ' '.join(enable))
            self.assertIn(b'* ENABLED ' + ' '.join(enable).encode(), text)
        if select:
            self.ok(d, 's', f'SELECT {select}')
        return d

    def ok(self, d, tag, command):
        text = d.imap(tag, command)
        self.assertIn(f'{tag} OK'.encode(), text)
        return text

    def append(self, d, subject, box='INBOX'):
        text = f'Subject: {subject}\r\n\r\nbody of {subject}\r\n'
        return self.ok(d, 'ap', f'APPEND {box} {{{len(text)}+}}\r\n{text}')

    def number(self, text, name):
        return int(re.search(rb'%s (\d+)' % name, text).group(1))

    # --- QRESYNC -----------------------------------------------------------

    def test_qresync(self):
        w = self.session(select='INBOX')
        for i in range(10):
            self.append(w, str(i))
        r = self.session('QRESYNC')
        text = self.ok(r, 's', 'SELECT INBOX')
        validity = self.number(text, b'UIDVALIDITY')
        modseq = self.number(text, b'HIGHESTMODSEQ')
        self.ok(r, 'u', 'UNSELECT')
        self.ok(w, 'a', 'UID STORE 2:3,7 +FLAGS (\\Deleted)')
        self.ok(w, 'b', 'EXPUNGE')
        self.ok(w, 'c', 'UID STORE 5 +FLAGS (\\Flagged)')
        self.append(w, 'new')
        for known in ('', ' 1:10', ' 1:10 (1,4,9 1,4,9)'):
            with self.subTest(known=known):
                text = self.ok(r, 's', f'SELECT INBOX (QRESYNC ({validity} '
                                       f'{modseq}{known}))')
                self.assertIn(b'* VANISHED (EARLIER) 2:3,7\r\n', text)
                self.assertRegex(text, rb'\* 3 FETCH \(UID 5 FLAGS '
                                       rb'\(\\Flagged\) MODSEQ \(\d+\)\)')
                # What is not among the known is found by UIDNEXT.
                self.assertEqual(b'* 8 FETCH (UID 11 ' in text, not known)
                self.assertEqual(text.count(b' FETCH '), 1 if known else 2)
                self.ok(r, 'u', 'UNSELECT')
        # Known uids alone tell, whatever is left in the trash.
        self.system.db.trash.delete_many({})
        text = self.ok(r, 's', f'SELECT INBOX (QRESYNC ({validity} 1 1:10))')
        self.assertIn(b'* VANISHED (EARLIER) 2:3,7\r\n', text)
        # Another uidvalidity: nothing is resynchronised.
        text = self.ok(r, 's', f'SELECT INBOX (QRESYNC ({validity + 1} 1))')
        self.assertNotIn(b'VANISHED', text)
        self.assertNotIn(b'FETCH', text)

    def test_qresync_fetch_and_expunge(self):
        w = self.session(select='INBOX')
        for i in range(6):
            self.append(w, str(i))
        r = self.session('QRESYNC')
        modseq = self.number(self.ok(r, 's', 'SELECT INBOX'),
                             b'HIGHESTMODSEQ')
        self.ok(w, 'a', 'UID STORE 2,5 +FLAGS.SILENT (\\Deleted)')
        self.ok(w, 'b', 'EXPUNGE')
        text = self.ok(r, 'n', 'NOOP')
        self.assertIn(b'* VANISHED 2,5\r\n', text)
        self.assertNotIn(b'EXPUNGE', text)
        self.ok(w, 'c', 'UID STORE 3 +FLAGS ($x)')
        text = self.ok(r, 'f', f'UID FETCH 1:4 (FLAGS) (CHANGEDSINCE '
                               f'{modseq} VANISHED)')
        self.assertIn(b'* VANISHED (EARLIER) 2\r\n', text)
        self.assertIn(b'UID 3 FLAGS ($x)', text)
        self.assertIn(b'BAD', r.imap('f', f'FETCH 1:4 (FLAGS) (CHANGEDSINCE '
                                          f'{modseq} VANISHED)'))
        self.ok(r, 'a', 'UID STORE 1 +FLAGS (\\Deleted)')
        text = self.ok(r, 'x', 'EXPUNGE')
        self.assertIn(b'* VANISHED 1\r\n', text)
        self.assertRegex(text, rb'x OK \[HIGHESTMODSEQ \d+\]')

    def test_qresync_must_be_enabled(self):
        d = self.session()
        for command in ('SELECT INBOX (QRESYNC (1 1))',
                        'ENABLE QRESYNC\r\nx SELECT INBOX (QRESYNC 1 1)',
                        'SELECT INBOX (QRESYNC (0 1))',
                        'SELECT INBOX (QRESYNC (1 1 1:*))',
                        'SELECT INBOX (QRESYNC (1 1 1:2 (1)))',
                        'SELECT INBOX ()', 'SELECT INBOX (FOO)'):
            d.send(f'x {command}\r\n')
            text = d.until('x')
            if 'ENABLE' in command:
                text = d.until('x')
            self.assertTrue(text.startswith(b'x BAD'), (command, text))

    # --- COMPRESS -----------------------------------------------------------

    def test_compress(self):
        d = self.session(select='INBOX')
        self.append(d, 'x' * 500)
        self.assertIn(b'COMPRESS=DEFLATE', self.ok(d, 'c', 'CAPABILITY'))
        self.assertIn(b'BAD', d.imap('z', 'COMPRESS LZW'))
        self.ok(d, 'z', 'COMPRESS DEFLATE')
        out = zlib.compressobj(9, zlib.DEFLATED, -15)
        back = zlib.decompressobj(-15)

        def talk(tag, command, pieces=1):
            data = out.compress(f'{tag} {command}\r\n'.encode())
            data += out.flush(zlib.Z_SYNC_FLUSH)
            step = len(data) // pieces + 1
            for i in range(0, len(data), step):
                d.sock.sendall(data[i:i + step])
            text = b''
            while not re.search(rb'(^|\n)%s (OK|NO|BAD).*\r\n' %
                                tag.encode(), text):
                text += back.decompress(d.sock.recv(70000))
            return text
        self.assertIn(b'body of xxx', talk('a', 'FETCH 1 BODY[]'))
        self.assertIn(b'OK', talk('b', 'NOOP', pieces=8))
        big = 'x' * 60000
        self.assertIn(b'OK', talk('c', f'APPEND INBOX {{{len(big)}+}}\r\n'
                                       f'{big}', pieces=3))
        text = talk('d', 'FETCH 2 BODY[]')
        self.assertIn(big.encode(), text)
        self.assertIn(b'[COMPRESSIONACTIVE]', talk('e', 'COMPRESS DEFLATE'))
        self.assertNotIn(b'COMPRESS=DEFLATE', talk('f', 'CAPABILITY'))
        # Two commands in one segment; then what is no DEFLATE.
        d.sock.sendall(out.compress(b'g NOOP\r\nh NOOP\r\n') +
                       out.flush(zlib.Z_SYNC_FLUSH))
        text = b''
        while b'h OK' not in text:
            text += back.decompress(d.sock.recv(70000))
        d.sock.sendall(b'\xff\xff\xff garbage')
        self.assertEqual(d.sock.recv(100)[:0], b'')

    # --- REPLACE --------------------------------------------------------------

    def test_replace(self):
        d = self.session(select='INBOX')
        other = self.session(select='INBOX')
        for i in range(3):
            self.append(d, str(i))
        text = d.imap('r', 'REPLACE 2 INBOX (\\Seen) {21+}\r\n'
                           'Subject: neu\r\n\r\nneu\r\n')
        self.assertRegex(text, rb'\* OK \[APPENDUID \d+ 4\]')
        self.assertIn(b'* 2 EXPUNGE\r\n', text)
        self.assertIn(b'r OK', text)
        text = self.ok(other, 'n', 'NOOP')
        self.assertEqual(
            self.ok(other, 'f', 'UID SEARCH ALL').split(b'\r\n')[0],
            b'* SEARCH 1 3 4')
        text = d.imap('r', 'UID REPLACE 1 Drafts {21+}\r\n'
                           'Subject: neu\r\n\r\nneu\r\n')
        self.assertIn(b'* 1 EXPUNGE\r\n', text)
        for bad in ('REPLACE 1:2 INBOX {3+}\r\nabc', 'REPLACE 9 INBOX '
                    '{3+}\r\nabc', 'REPLACE 1 INBOX', 'REPLACE 1'):
            self.assertIn(b'r BAD', d.imap('r', bad))
        self.assertIn(b'r NO [TRYCREATE]', d.imap(
            'r', 'REPLACE 1 Nowhere {3+}\r\nabc'))
        self.assertIn(b'* 2 EXISTS', self.ok(d, 's', 'SELECT INBOX'))

    # --- UIDONLY -----------------------------------------------------------------

    def test_uidonly(self):
        d = self.session('UIDONLY', 'IMAP4rev2', select='INBOX')
        for i in range(4):
            self.append(d, str(i))
        for command in ('FETCH 1 FLAGS', 'STORE 1 +FLAGS (x)', 'SEARCH ALL',
                        'COPY 1 Trash', 'MOVE 1 Trash',
                        'UID SEARCH 1:2', 'UID SEARCH NOT (OR 1 SEEN)'):
            self.assertIn(b'a BAD [UIDREQUIRED]', d.imap('a', command),
                          command)
        text = self.ok(d, 'b', 'UID FETCH 2:3 (FLAGS)')
        self.assertIn(b'* 2 UIDFETCH (FLAGS ())\r\n', text)
        text = self.ok(d, 'c', 'UID STORE 3 +FLAGS (\\Deleted)')
        self.assertIn(b'* 3 UIDFETCH (FLAGS (\\Deleted))\r\n', text)
        self.assertIn(b'* VANISHED 3\r\n', self.ok(d, 'd', 'EXPUNGE'))
        self.assertIn(b'UID ALL 1:2,4\r\n',
                      self.ok(d, 'e', 'UID SEARCH ALL'))

    # --- IMAP4rev2 -----------------------------------------------------------------

    def test_rev2(self):
        d = self.session('IMAP4rev2')
        self.append(d, 'one')
        text = self.ok(d, 's', 'SELECT INBOX')
        self.assertNotIn(b'RECENT', text)
        self.assertIn(b'* LIST () "/" "INBOX"\r\n', text)
        self.assertIn(b'* ESEARCH (TAG "a") ALL 1\r\n',
                      self.ok(d, 'a', 'SEARCH ALL'))
        self.assertIn(b'* ESEARCH (TAG "a") UID\r\n',
                      self.ok(d, 'a', 'UID SEARCH SUBJECT nothing'))
        text = self.ok(d, 'f', 'STORE 1 +FLAGS (\\Deleted)')
        self.assertIn(b'* 1 FETCH (UID 1 FLAGS (\\Deleted))', text)
        self.assertNotIn(b'Recent', text)
        self.assertIn(b'DELETED 1', self.ok(d, 't', 'STATUS INBOX (DELETED '
                                                    'SIZE MESSAGES)'))
        self.ok(d, 'c', 'CREATE "B\u00fccher/Neu"')
        self.assertIn('"B\u00fccher/Neu"'.encode(),
                      self.ok(d, 'l', 'LIST "" "B*/*"'))
        self.assertIn(b'[CLOSED]', self.ok(d, 's', 'SELECT Trash'))
        self.assertIn(b'IMAP4rev2', self.ok(d, 'c', 'CAPABILITY'))

    def test_quota(self):
        self.system.m3mta('mailbox', 'set', self.address, '--quota=10k')
        d = self.session()
        self.append(d, 'x' * 1500)
        text = self.ok(d, 'a', 'GETQUOTAROOT INBOX')
        self.assertIn(b'* QUOTAROOT "INBOX" user\r\n', text)
        self.assertIn(b'* QUOTA user (STORAGE 3 10)\r\n', text)
        self.assertIn(b'* QUOTA user (STORAGE 3 10)\r\n',
                      self.ok(d, 'b', 'GETQUOTA user'))
        self.assertIn(b'c NO', d.imap('c', 'GETQUOTA other'))
        # A name that is not there would be below the same root.
        self.assertIn(b'* QUOTAROOT "Nowhere" user\r\n* QUOTA user ',
                      self.ok(d, 'c', 'GETQUOTAROOT Nowhere'))
        for name in ('"Other Users"', '"Other Users/x@example.org/INBOX"'):
            self.assertIn(b'c NO', d.imap('c', f'GETQUOTAROOT {name}'))
        self.assertIn(b'c NO [NOPERM]',
                      d.imap('c', 'SETQUOTA user (STORAGE 99)'))
        big = 'x' * 9000
        self.assertIn(b'[OVERQUOTA]', d.imap(
            'd', f'APPEND INBOX {{{len(big)}+}}\r\n{big}'))
        self.system.m3mta('mailbox', 'set', self.address, '--quota=0')
        self.assertIn(b'* QUOTA user ()', self.ok(d, 'e', 'GETQUOTA user'))

    def test_unknown_cte(self):
        d = self.session(select='INBOX')
        text = ('Content-Type: text/plain\r\nContent-Transfer-Encoding: '
                'x-odd\r\n\r\nxyz\r\n')
        self.ok(d, 'ap', f'APPEND INBOX {{{len(text)}+}}\r\n{text}')
        self.assertIn(b'NO [UNKNOWN-CTE]', d.imap('b', 'FETCH 1 BINARY[1]'))


if __name__ == '__main__':
    unittest.main()
