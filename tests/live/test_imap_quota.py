"""QUOTA (RFC 9208) and CREATE-SPECIAL-USE (RFC 6154) by hand."""
import re
import unittest

from harness import LiveTest

MESSAGE = b'Subject: one\r\n\r\n' + b'x' * 998 + b'\r\n'


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

    def limit(self, octets):
        self.system.m3mta('mailbox', 'set', self.address,
                          f'--quota={octets}')

    def append(self, d, want=b'p OK'):
        d.send(b'p APPEND INBOX {%d+}\r\n%s\r\n' % (len(MESSAGE), MESSAGE))
        self.assertIn(want, d.until('p'))

    def ok(self, d, command):
        answer = d.imap('a', command)
        self.assertIn(b'a OK', answer, command)
        return answer

    def no(self, d, command, code):
        self.assertIn(b'a NO [' + code + b']', d.imap('a', command), command)

    def test_capability(self):
        words = self.ok(self.start(), 'CAPABILITY').split()
        for word in (b'QUOTA', b'QUOTA=RES-STORAGE', b'CREATE-SPECIAL-USE'):
            self.assertIn(word, words)
        self.assertNotIn(b'QUOTASET', words)

    def test_no_limit(self):
        d = self.start()
        self.append(d)
        answer = self.ok(d, 'GETQUOTAROOT INBOX')
        self.assertRegex(answer, rb'\* QUOTAROOT "?INBOX"? user\r\n')
        self.assertIn(b'* QUOTA user ()\r\n', answer)

    def test_figures(self):
        """In units of 1024 octets, rounded up; kept through EXPUNGE."""
        d = self.start()
        self.limit(10 * 1024 + 1)
        self.assertIn(b'* QUOTA user (STORAGE 0 11)\r\n',
                      self.ok(d, 'GETQUOTA user'))
        self.append(d)
        size = self.system.db.mailboxes.find_one(
            {'_id': self.address})['size']['current']
        used = -(-size // 1024)
        self.assertIn(b'* QUOTA user (STORAGE %d 11)\r\n' % used,
                      self.ok(d, 'GETQUOTAROOT Sent'))
        self.ok(d, r'STORE 1 +FLAGS.SILENT (\Deleted)')
        self.ok(d, 'EXPUNGE')
        self.assertIn(b'(STORAGE 0 11)', self.ok(d, 'GETQUOTA user'))

    def test_over(self):
        """APPEND and COPY past the limit: [OVERQUOTA], and nothing done."""
        d = self.start()
        self.append(d)
        self.limit(1500)
        self.append(d, b'p NO [OVERQUOTA]')
        self.no(d, 'COPY 1 Archive', b'OVERQUOTA')
        self.assertIn(b'(MESSAGES 0)',
                      self.ok(d, 'STATUS Archive (MESSAGES)'))
        self.ok(d, 'MOVE 1 Archive')
        self.assertIn(b'(STORAGE 1 2)', self.ok(d, 'GETQUOTA user'))

    def test_refused(self):
        d = self.start()
        self.no(d, 'GETQUOTA nowhere', b'NONEXISTENT')
        self.no(d, 'SETQUOTA user (STORAGE 100000)', b'NOPERM')
        for line in ('GETQUOTA', 'GETQUOTAROOT', 'GETQUOTA ()',
                     'SETQUOTA user',
                     'GETQUOTA user ""'):
            self.assertIn(b'a BAD', d.imap('a', line), line)
        self.assertIn(b'a NO', d.imap('a', 'GETQUOTAROOT a//b'))

    def test_deleted_storage(self):
        """STATUS DELETED-STORAGE: the octets of what has \\Deleted."""
        d = self.start()
        for _ in range(3):
            self.append(d)
        command = 'STATUS INBOX (DELETED SIZE DELETED-STORAGE)'
        self.assertIn(b'DELETED-STORAGE 0)', self.ok(d, command))
        self.ok(d, r'STORE 1:2 +FLAGS.SILENT (\Deleted)')
        answer = self.ok(d, command)
        size = int(re.search(rb' SIZE (\d+)', answer)[1])
        self.assertIn(b'DELETED-STORAGE %d)' % (size // 3 * 2), answer)
        self.assertIn(
            b'(DELETED-STORAGE %d)' % (size // 3 * 2),
            self.ok(d, 'LIST "" INBOX RETURN (STATUS (DELETED-STORAGE))'))

    def test_create_special_use(self):
        d = self.start()
        self.ok(d, r'CREATE Old (USE (\Archive))')
        self.assertRegex(self.ok(d, 'LIST (SPECIAL-USE) "" Old'),
                         rb'\* LIST \(.*\\Archive\) "/" "?Old')
        self.ok(d, 'CREATE Plain (USE ())')
        for use in (r'\All', r'\Flagged', r'\Nothing', r'\Sent \Junk'):
            self.no(d, f'CREATE New (USE ({use}))', b'USEATTR')
        for text in (r'(USE \Sent)', '(USE)', '(FOO (x))', 'USE',
                     r'(USE ((\Sent)))', r'(USE (\Sent) FOO)'):
            self.assertIn(b'a BAD', d.imap('a', f'CREATE New {text}'), text)
        self.assertNotIn(b'New', self.ok(d, 'LIST "" *'))


if __name__ == '__main__':
    unittest.main()
