"""One run of the database checks, of the mda, of the administrator's
command and of each handler under valgrind: reads of dead stack frames and
of memory without a value, which the sanitizers do not see."""
import os
import subprocess
import unittest

from harness import BUILD, LiveTest

VALGRIND = ('valgrind', '--quiet', '--error-exitcode=99',
            '--errors-for-leak-kinds=none', '--leak-check=no')
BIG = '\r\n'.join('x' * 70 for _ in range(2000))


class Valgrind(LiveTest):
    time_limit = 600

    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')
        cls.system.m3mta('alias', 'add', 'team@example.org',
                         'ann@example.org', 'bob@far.example')
        cls.system.prefix = (
            *VALGRIND, f'--log-file={cls.system.folder}/valgrind.%p')

    def check(self, dialog=None):
        """Nothing was reported, and the process ended well."""
        if dialog:
            self.assertEqual(dialog.close(), 0)
        for name in os.listdir(self.system.folder):
            if name.startswith('valgrind.'):
                with open(f'{self.system.folder}/{name}') as f:
                    self.assertEqual(f.read(), '')

    def test_database_checks(self):
        done = subprocess.run(
            [*VALGRIND, f'{BUILD}/tests/live/db_check'],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=dict(os.environ, CK_DEFAULT_TIMEOUT='300'))
        self.assertEqual(done.returncode, 0, done.stdout.decode())

    def test_a_message_from_socket_to_folder(self):
        smtp = self.dialog('m3mta-smtp')
        smtp.sock.settimeout(120)
        smtp.reply()
        for text in ('', BIG):
            for line in ('EHLO a', 'MAIL FROM:<ann@example.org>',
                         'RCPT TO:<team@example.org>',
                         'RCPT TO:<ann+tag@example.org>'):
                self.assertTrue(smtp.smtp(line).startswith('250'), line)
            smtp.smtp('DATA')
            self.assertTrue(smtp.smtp(
                'Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\n'
                'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n'
                f'Content-Type: text/html\r\n\r\n<b>x</b>{text}\r\n'
                '--b--\r\n.').startswith('250'))
        smtp.smtp('QUIT')
        self.check(smtp)
        self.system.mda()
        self.check()
        imap = self.dialog('m3mta-imap', '--preauth', 'ann@example.org')
        imap.sock.settimeout(120)
        imap.line()
        for command in (
                'SELECT INBOX', 'FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE '
                'PREVIEW BODY.PEEK[])', 'SEARCH TEXT x SUBJECT gr',
                'SORT (SUBJECT) UTF-8 ALL', 'THREAD REFERENCES UTF-8 ALL',
                'STORE 1 +FLAGS (\\Deleted $k)', 'COPY 1 Sent', 'EXPUNGE',
                'STATUS Sent (MESSAGES SIZE)', 'LIST "" *', 'LOGOUT'):
            self.assertIn(b'a OK', imap.imap('a', command), command)
        self.check(imap)

    def test_the_administrators_command(self):
        for words in (('verify',), ('gc',), ('queue', 'list'),
                      ('mailbox', 'list'), ('config', 'show')):
            self.system.m3mta(*words)
        self.check()


if __name__ == '__main__':
    unittest.main()
