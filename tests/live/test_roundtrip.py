"""What one real client sends, another real client reads: octet for octet
after the trace fields."""
import base64
import email.message
import os
import re
import smtplib
import subprocess
import unittest

from harness import LiveTest, wait_for

TRACE = re.compile(
    rb'\AReturn-Path: <[^>]*>\r\n(?:X-Original-To: [^\r]*\r\n)+'
    rb'Delivered-To: [^\r]*\r\n'
    rb'Received: (?:[^\r]*\r\n)(?:[ \t][^\r]*\r\n)*')


def crlf(text):
    return text.replace('\r\n', '\n').replace('\n', '\r\n').encode()


def html_with_attachments():
    m = email.message.EmailMessage()
    m['From'] = 'Änne <s@example.net>'
    m['To'] = 'ann@example.org'
    m['Subject'] = 'Grüße 🎉'
    m.set_content('text\n')
    m.add_alternative('<p>html ü</p>\n', subtype='html')
    m.add_attachment(os.urandom(3000), maintype='application',
                     subtype='octet-stream', filename='dätei.bin')
    m.add_attachment('csv,1\n', subtype='csv', filename='t.csv')
    return m.as_bytes(policy=m.policy.clone(linesep='\r\n'))


MESSAGES = {
    'plain': crlf('Subject: plain\n\nHello\n'),
    'html': html_with_attachments(),
    'utf8': crlf('Subject: utf8\nContent-Type: text/plain; charset=utf-8\n'
                 'Content-Transfer-Encoding: 8bit\n\nGrüße, 日本語 🎉\n'),
    'empty body': crlf('Subject: empty\n\n'),
    'header only': crlf('Subject: header only\n'),
    'line of 998': crlf('Subject: long\n\n' + 'x' * 998 + '\nend\n'),
    'dots': crlf('Subject: dots\n\n.\n..\n...\n.x\n. \n' + '.y\n' * 5000),
    'no header': crlf('\nonly text\n'),
}


class Roundtrip(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        s.add_domain()
        for name in ('ann', 'swaks', 'mutt', 'curl', 'isync'):
            s.add_mailbox(f'{name}@example.org')
        cls.smtp_port = s.serve('m3mta-smtp', 'smtp')
        cls.imap_port = s.serve('m3mta-imap', 'imap')
        s.start_mda()

    def fetch_last(self, address, n):
        client = self.system.imap(self.imap_port, address)

        def arrived():
            client.select('INBOX')
            return client.search(None, 'ALL')[1][0].split()[n - 1:]
        last = wait_for(arrived, what='delivery')[0]
        data = client.fetch(last, '(RFC822.SIZE BODY.PEEK[])')[1][0]
        size = int(re.search(rb'RFC822.SIZE (\d+)', data[0]).group(1))
        client.logout()
        self.assertEqual(size, len(data[1]))
        return data[1]

    def assert_same(self, sent, got):
        trace = TRACE.match(got)
        self.assertTrue(trace, got[:300])
        self.assertTrue(got[trace.end():] == sent,
                        f'{len(sent)} octets sent, '
                        f'{len(got) - trace.end()} came back')

    def test_smtplib(self):
        for n, (name, message) in enumerate(MESSAGES.items(), 1):
            with self.subTest(name):
                self.system.send(self.smtp_port, 's@example.net',
                                 ['ann@example.org'], message)
                self.assert_same(message,
                                 self.fetch_last('ann@example.org', n))
        self.system.verify()

    def test_swaks(self):
        for n, (name, message) in enumerate(MESSAGES.items(), 1):
            with self.subTest(name):
                path = self.system.folder + '/message'
                with open(path, 'wb') as f:
                    f.write(message)
                self.system.run(
                    ['swaks', '--server', f'127.0.0.1:{self.smtp_port}',
                     '--from', 's@example.net', '--to', 'swaks@example.org',
                     '--data', '@' + path], timeout=30)
                got = self.fetch_last('swaks@example.org', n)
                # swaks ends the message with an empty line of its own.
                self.assert_same(message.rstrip(b'\r\n'),
                                 got.rstrip(b'\r\n'))

    def test_curl_sends_and_reads(self):
        message = MESSAGES['html']
        path = self.system.folder + '/curl'
        with open(path, 'wb') as f:
            f.write(message)
        self.system.run(
            ['curl', '-sS', f'smtp://127.0.0.1:{self.smtp_port}/me',
             '--mail-from', 's@example.net', '--mail-rcpt',
             'curl@example.org', '-T', path])
        self.fetch_last('curl@example.org', 1)
        done = self.system.run(
            ['curl', '-sS', '-u', 'curl@example.org:secret',
             f'imap://127.0.0.1:{self.imap_port}/INBOX;MAILINDEX=1'])
        self.assert_same(message, done.stdout)

    def test_mutt_lists(self):
        self.system.send(self.smtp_port, 's@example.net',
                         ['mutt@example.org'], MESSAGES['html'])
        self.fetch_last('mutt@example.org', 1)
        rc = self.system.folder + '/muttrc'
        with open(rc, 'w') as f:
            f.write(f'set folder=imap://127.0.0.1:{self.imap_port}/\n'
                    'set imap_user=mutt@example.org imap_pass=secret\n'
                    'set ssl_starttls=no ssl_force_tls=no\n'
                    'set spoolfile=+INBOX copy=no\n'
                    'set imap_check_subscribed\n'
                    'push "<flag-message><save-message>=Archive<enter>'
                    '<sync-mailbox><quit>"\n'
                    'set delete=yes confirmappend=no quit=yes move=no\n')
        self.system.run(
            ['script', '-qec', f'mutt -F {rc}', '/dev/null'],
            env={'TERM': 'xterm', 'HOME': self.system.folder}, timeout=60)
        client = self.system.imap(self.imap_port, 'mutt@example.org')
        self.assertEqual(client.select('Archive')[1], [b'1'])
        self.assertEqual(client.select('INBOX')[1], [b'0'])
        client.logout()

    def test_isync_both_ways(self):
        for i in range(3):
            self.system.send(self.smtp_port, 's@example.net',
                             ['isync@example.org'], MESSAGES['plain'])
        self.fetch_last('isync@example.org', 3)
        home = self.system.folder
        os.makedirs(home + '/maildir')
        with open(home + '/mbsyncrc', 'w') as f:
            f.write(f'''IMAPAccount m3
Host 127.0.0.1
Port {self.imap_port}
User isync@example.org
Pass secret
SSLType None
AuthMechs LOGIN

IMAPStore far
Account m3

MaildirStore near
Path {home}/maildir/
Inbox {home}/maildir/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
''')
        sync = ['mbsync', '-c', home + '/mbsyncrc', '-a']
        self.system.run(sync)
        new = [os.path.join(d, f)
               for sub in ('new', 'cur')
               for d in [f'{home}/maildir/INBOX/{sub}']
               for f in os.listdir(d)]
        self.assertEqual(len(new), 3)
        os.remove(new[0])
        with open(home + '/maildir/Drafts/new/1.x', 'wb') as f:
            f.write(b'Subject: from the maildir\n\ndraft\n')
        self.system.run(sync)
        client = self.system.imap(self.imap_port, 'isync@example.org')
        self.assertEqual(client.select('INBOX')[1], [b'2'])
        self.assertEqual(client.select('Drafts')[1], [b'1'])
        self.assertIn(b'from the maildir', client.fetch(
            '1', '(BODY[HEADER])')[1][0][1])
        client.logout()
        self.system.verify()


class Big(LiveTest):
    @classmethod
    def prepare(cls):
        cls.system.add_domain()
        cls.system.add_mailbox('ann@example.org')

    def peak_kib(self, pid):
        with open(f'/proc/{pid}/status') as f:
            return int(re.search(r'VmHWM:\s+(\d+)', f.read()).group(1))

    def send(self, message, size_check):
        d = self.dialog('m3mta-smtp')
        d.reply()
        d.smtp('EHLO me.example')
        d.smtp('MAIL FROM:<s@example.net>')
        d.smtp('RCPT TO:<ann@example.org>')
        before = self.peak_kib(d.process.pid)
        self.assertTrue(d.smtp('DATA').startswith('354'))
        d.send(message.replace(b'\r\n.', b'\r\n..'))
        self.assertTrue(d.smtp(b'.\r\n').startswith('250'))
        size_check(self.peak_kib(d.process.pid) - before)
        d.smtp('QUIT')

    def read_back(self, number, message):
        """KiB that the reading session had at most."""
        d = self.dialog('m3mta-imap', '--preauth', 'ann@example.org')
        d.line()
        d.imap('a', 'SELECT INBOX')
        before = self.peak_kib(d.process.pid)
        got = d.imap('b', f'FETCH {number} BODY.PEEK[]')
        at = got.index(b'Subject: big')
        self.assertTrue(got[at:at + len(message)] == message)
        return self.peak_kib(d.process.pid) - before

    @staticmethod
    def make_big():
        body = base64.encodebytes(os.urandom(37 << 20)).replace(
            b'\n', b'\r\n')
        return (b'Subject: big\r\nMIME-Version: 1.0\r\nContent-Type: '
                b'application/octet-stream\r\nContent-Transfer-Encoding: '
                b'base64\r\n\r\n' + body)

    def test_50_mb_by_smtplib_and_swaks(self):
        message = self.make_big()
        port = self.system.serve('m3mta-smtp', 'smtp')
        self.system.send(port, 's@example.net', ['ann@example.org'], message)
        path = self.system.folder + '/message'
        with open(path, 'wb') as f:
            f.write(message)
        self.system.run(
            ['swaks', '--server', f'127.0.0.1:{port}', '--silent', '2',
             '--from', 's@example.net', '--to', 'ann@example.org',
             '--data', '@' + path], timeout=300)
        n = self.system.db.folders.find_one({'name': 'INBOX'})['exists']
        self.system.mda()
        for number in (n + 1, n + 2):
            self.read_back(number, message)

    def test_50_mb_attachment(self):
        message = self.make_big()
        self.assertGreater(len(message), 50 * 1000 * 1000)
        # Sanitizers keep freed memory.
        scale = 20 if 'san' in os.path.basename(
            os.environ['M3MTA_BUILD']) else 1
        self.send(message, lambda kib: self.assertLess(
            kib, scale * (8 << 10), 'KiB more'))
        n = self.system.db.folders.find_one({'name': 'INBOX'})['exists']
        self.system.mda()
        self.assertLess(self.read_back(n + 1, message), scale * (16 << 10))
        self.system.verify()


if __name__ == '__main__':
    unittest.main()
