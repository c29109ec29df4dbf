"""The day of a person, with each of the clients: sign in over TLS, see new
mail, read it and its attachment, answer, file it, look for it, throw it
away. What the server then holds is asked by another session."""
import base64
import email
import email.policy
import imaplib
import json
import os
import re
import smtplib
import ssl
import subprocess
import time
import unittest

from harness import Dialog, LiveTest, npm_folder, wait_for
from test_roundtrip import html_with_attachments
from test_tls import make_ca, make_certificate

HERE = os.path.dirname(os.path.abspath(__file__))
MUTTRC = '''set folder=imaps://localhost:{imaps}/
set imap_user={user} imap_pass=secret
set certificate_file={ca} ssl_usesystemcerts=no ssl_force_tls=yes
set smtp_url=smtps://{user}@localhost:{submissions}/ smtp_pass=secret
set smtp_authenticators=plain
set from={user} realname=Person use_from=yes envelope_from=yes
set spoolfile=+INBOX record=+Sent trash=+Trash postponed=+Drafts
set editor=true abort_unmodified=no fast_reply=yes include=no quit=yes
set abort_nosubject=no confirmappend=no delete=yes move=no wait_key=no
set pager_stop=yes sleep_time=0 sort=mailbox-order
'''


class Daily(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        cls.ca = make_ca(s.folder, 'ca')
        make_certificate(s.folder, 'main', 'mx.example.org', 'ca')
        s.set('tls.certificate', s.folder + '/main.pem')
        s.set('tls.key', s.folder + '/main.key')
        s.settings['smtp'] = {}
        s.settings['imap'] = {}
        s.write_config()
        s.add_domain()
        s.add_mailbox('friend@example.org')
        cls.smtp = s.serve('m3mta-smtp', 'smtp')
        cls.submissions = s.serve('m3mta-smtp', 'submissions')
        cls.imaps = s.serve('m3mta-imap', 'imaps')
        s.start_mda()

    def setUp(self):
        self.user = self._testMethodName[5:] + '@example.org'
        self.system.add_mailbox(self.user)
        self.message = html_with_attachments()

    # --- the world outside --------------------------------------------------

    def deliver(self, message=None):
        before = self.count('INBOX')
        with smtplib.SMTP('127.0.0.1', self.smtp, timeout=60) as c:
            c.sendmail('friend@example.net', [self.user],
                       message or self.message)
        wait_for(lambda: self.count('INBOX') > before, 30, 'delivery')

    def ask(self, *commands, user=None):
        """The answers, by a session of its own."""
        d = Dialog(self.system, 'm3mta-imap', '--preauth', user or self.user)
        try:
            d.line()
            return [d.imap('a', c).decode('utf-8', 'replace')
                    for c in commands]
        finally:
            d.close()

    def count(self, folder, user=None):
        text, = self.ask(f'STATUS "{folder}" (MESSAGES)', user=user)
        return int(re.search(r'MESSAGES (\d+)', text).group(1))

    def flags(self, folder, number=1):
        text = self.ask(f'EXAMINE "{folder}"', f'FETCH {number} FLAGS')[1]
        return set(re.search(r'FLAGS \(([^)]*)\)', text).group(1).split()) \
            - {'\\Recent'}

    def attachment(self, text):
        m = email.message_from_bytes(text, policy=email.policy.default)
        return next(p for p in m.iter_attachments()
                    if p.get_filename() == 'dätei.bin').get_content()

    def wait_for_friend(self, words):
        wait_for(lambda: words in self.ask(
            'SELECT INBOX', f'SEARCH SUBJECT "{words}"',
            'FETCH 1:* BODY.PEEK[HEADER]', user='friend@example.org')[2],
            30, words)

    # --- the clients ---------------------------------------------------------

    def test_imaplib(self):
        self.deliver()
        c = imaplib.IMAP4_SSL('localhost', self.imaps, timeout=60,
                              ssl_context=ssl.create_default_context(
                                  cafile=self.ca))
        c.login(self.user, 'secret')
        self.assertIn(b'\\Sent', b' '.join(c.list()[1]))
        self.assertEqual(c.select('INBOX')[1], [b'1'])
        self.assertEqual(c.search(None, 'UNSEEN')[1], [b'1'])
        text = c.fetch('1', '(RFC822)')[1][0][1]
        self.assertTrue(text.endswith(self.message))
        self.assertEqual(self.flags('INBOX'), {'\\Seen'})
        # More comes while the folder is open.
        self.deliver(b'Subject: second\r\n\r\nx\r\n')
        c.noop()
        self.assertEqual(c.response('EXISTS')[1][-1], b'2')
        c.store('1', '+FLAGS', '\\Answered')
        c.append('Sent', '\\Seen', imaplib.Time2Internaldate(time.time()),
                 b'Subject: answer\r\n\r\nyes\r\n')
        self.assertEqual(self.flags('Sent'), {'\\Seen'})
        c.create('"Rechnungen/M&AOQ-rz"')
        c.copy('1', '"Rechnungen/M&AOQ-rz"')
        c.store('1', '+FLAGS', '\\Deleted')
        self.assertEqual(c.expunge()[1], [b'1'])
        self.assertEqual(c.search(None, 'SUBJECT', 'second')[1], [b'1'])
        self.assertEqual(c.uid('MOVE', '2', 'Trash')[0], 'OK')
        c.select('Trash')
        c.store('1:*', '+FLAGS.SILENT', '\\Deleted')
        c.close()
        c.logout()
        self.assertEqual([self.count(f) for f in (
            'INBOX', 'Sent', 'Rechnungen/M&AOQ-rz', 'Trash')], [0, 1, 1, 0])
        self.assertEqual(self.flags('Rechnungen/M&AOQ-rz'),
                         {'\\Seen', '\\Answered'})

    def curl(self, path, *options, code=0):
        done = self.system.run(
            ['curl', '-sS', '--cacert', self.ca, '-u', self.user + ':secret',
             f'imaps://localhost:{self.imaps}/{path}', *options], code=code)
        return done.stdout

    def test_curl(self):
        self.deliver()
        self.assertIn(b'\\Drafts', self.curl(''))
        self.assertIn(b'MESSAGES 1', self.curl(
            '', '-X', 'STATUS INBOX (MESSAGES UNSEEN)'))
        self.assertIn(b'SEARCH 1', self.curl('INBOX?UNSEEN'))
        text = self.curl('INBOX/;MAILINDEX=1')
        self.assertTrue(text.endswith(self.message))
        self.assertEqual(self.flags('INBOX'), {'\\Seen'})
        self.assertIn(b'Subject:', self.curl(
            'INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(SUBJECT)'))
        file = self.curl('INBOX/;UID=1/;SECTION=2')
        self.assertEqual(base64.b64decode(file),
                         self.attachment(self.message))
        path = self.system.folder + '/answer'
        with open(path, 'wb') as f:
            f.write(b'Subject: answer\r\n\r\nyes\r\n')
        self.curl('Sent', '-T', path)
        self.assertEqual(self.count('Sent'), 1)
        self.curl('', '-X', 'CREATE "Rechnungen/M&AOQ-rz"')
        self.curl('INBOX', '-X', 'STORE 1 +FLAGS \\Flagged')
        self.assertEqual(self.flags('INBOX'), {'\\Seen', '\\Flagged'})
        self.curl('INBOX', '-X', 'MOVE 1 "Rechnungen/M&AOQ-rz"')
        self.assertEqual(self.count('Rechnungen/M&AOQ-rz'), 1)
        self.curl('Rechnungen%2FM&AOQ-rz', '-X', 'STORE 1 +FLAGS \\Deleted')
        self.curl('Rechnungen%2FM&AOQ-rz', '-X', 'EXPUNGE')
        self.assertEqual(self.count('Rechnungen/M&AOQ-rz'), 0)
        # A wrong password and a folder that is not there: curl says so.
        self.user = 'nobody@example.org'
        self.curl('', code=67)
        self.user = 'curl@example.org'
        self.curl('Nowhere/;MAILINDEX=1', code=67)

    def mutt(self, *options, keys=None, data=None):
        rc = self.system.folder + '/muttrc'
        with open(rc, 'w') as f:
            f.write(MUTTRC.format(user=self.user, ca=self.ca,
                                  imaps=self.imaps,
                                  submissions=self.submissions))
            if keys:
                f.write(f'push "{keys}"\n')
        argv = ['mutt', '-F', rc, *options]
        if keys:  # wants a terminal
            argv = ['script', '-qec', ' '.join(argv), '/dev/null']
        self.system.run(argv, data, env={
            'TERM': 'xterm', 'HOME': self.system.folder}, timeout=120)

    def test_mutt(self):
        self.deliver(b'From: friend@example.org\r\nSubject: question\r\n'
                     b'Message-ID: <q@example.org>\r\n\r\nWell?\r\n')
        self.mutt('-s', '"from mutt"', '-a', self.ca, '--',
                  'friend@example.org', data=b'hello\n')
        self.wait_for_friend('from mutt')
        self.assertEqual(self.count('Sent'), 1)
        self.mutt(keys='<display-message><exit><reply>y<sync-mailbox><quit>')
        self.wait_for_friend('Re: question')
        self.assertEqual(self.flags('INBOX'), {'\\Seen', '\\Answered'})
        self.assertEqual(self.count('Sent'), 2)
        self.deliver(b'Subject: no need\r\n\r\nx\r\n')
        self.mutt(keys='<first-entry><flag-message><first-entry>'
                  '<save-message>=Archive<enter>'
                  '<delete-pattern>~s need<enter><sync-mailbox><quit>')
        self.assertEqual([self.count(f) for f in (
            'INBOX', 'Archive', 'Trash')], [0, 1, 1])
        self.assertEqual(self.flags('Archive'),
                         {'\\Seen', '\\Answered', '\\Flagged'})

    def test_imapflow(self):
        ring = self.system.folder + '/ring'
        job = {'options': {'host': 'localhost', 'port': self.imaps,
                           'secure': True,
                           'auth': {'user': self.user, 'pass': 'secret'}},
               'ca': self.ca, 'ring': ring}
        with open(self.system.folder + '/imapflow', 'w+b') as out:
            process = subprocess.Popen(
                ['node', HERE + '/client_imapflow.js', json.dumps(job)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=dict(os.environ, NODE_PATH=npm_folder()))
            try:
                wait_for(lambda: os.path.exists(ring) or
                         process.poll() is not None, 60, 'IDLE')
                self.deliver()
                code = process.wait(60)
            finally:
                process.kill()
                process.wait()
            out.seek(0)
            text = out.read().decode()
        self.assertEqual(code, 0, text)
        self.check_imapflow(json.loads(text))

    def check_imapflow(self, seen):
        self.assertEqual(seen['special']['\\Sent'], 'Sent')
        self.assertEqual(seen['special']['\\Trash'], 'Trash')
        self.assertEqual(seen['exists'], [0, 1])
        self.assertEqual(seen['subject'], 'Grüße 🎉')
        self.assertEqual(seen['from']['name'], 'Änne')
        source = base64.b64decode(seen['source'])
        self.assertTrue(source.endswith(self.message))
        self.assertEqual(seen['file'], 'dätei.bin')
        self.assertEqual(base64.b64decode(seen['content']),
                         self.attachment(self.message))
        self.assertEqual(seen['flagged'], [1])
        self.assertEqual(seen['appended'][0], 1)
        self.assertEqual(seen['moved'], [1])
        self.assertEqual(seen['status']['messages'], 0)
        self.assertTrue(seen['deleted'])
        self.assertEqual([self.count(f) for f in (
            'INBOX', 'Sent', 'Trash')], [0, 1, 0])
        self.assertNotIn('Rechnungen/M', self.ask('LIST "" *')[0])


if __name__ == '__main__':
    unittest.main()
