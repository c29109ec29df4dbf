"""Submission by the clients that people use: STARTTLS on submission and TLS
from the first byte on submissions, each with AUTH and a certificate that is
checked; octet for octet after the trace fields."""
import json
import os
import re
import smtplib
import socket
import ssl
import unittest

from harness import LiveTest, npm_folder
from test_roundtrip import MESSAGES, TRACE
from test_tls import make_ca, make_certificate

HERE = os.path.dirname(os.path.abspath(__file__))
# What submission would add.
STAMPS = (b'Date: Wed, 25 Nov 2026 01:02:03 +0000\r\n'
          b'Message-ID: <1@client.example>\r\n')
USER = 'ann@example.org'
FORMS = ('submission', 'submissions')


class Submit(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        cls.ca = make_ca(s.folder, 'ca')
        cls.other_ca = make_ca(s.folder, 'other')
        make_certificate(s.folder, 'main', 'mx.example.org', 'ca')
        s.set('tls.certificate', s.folder + '/main.pem')
        s.set('tls.key', s.folder + '/main.key')
        s.settings['smtp'] = {}
        s.settings['limit'] = {'logins': {'delay': '0s'}}
        s.write_config()
        s.add_domain()
        s.add_mailbox(USER)
        s.add_mailbox('bob@example.org')
        cls.ports = {form: s.serve('m3mta-smtp', form) for form in FORMS}

    # --- the clients: each (exit code, output) of one message -------------

    def swaks(self, form, sender, path, password, ca, auth):
        return self.client(
            ['swaks', '--server', 'localhost', '--port',
             str(self.ports[form]), '--from', sender, '--to', USER,
             '--tls' if form == 'submission' else '--tls-on-connect',
             '--tls-verify', '--tls-ca-path', ca, '--auth', auth,
             '--auth-user', USER, '--auth-password', password,
             '--data', '@' + path])

    def curl(self, form, sender, path, password, ca, auth):
        scheme = 'smtp' if form == 'submission' else 'smtps'
        return self.client(
            ['curl', '-sSv', f'{scheme}://localhost:{self.ports[form]}/me',
             '--ssl-reqd', '--cacert', ca, '--login-options',
             'AUTH=' + auth, '-u', f'{USER}:{password}', '--mail-from',
             sender, '--mail-rcpt', USER, '-T', path])

    def msmtp(self, form, sender, path, password, ca, auth):
        with open(path, 'rb') as f:
            message = f.read().replace(b'\r\n', b'\n')
        return self.client(
            ['msmtp', '-C', '/dev/null', '--host=localhost',
             f'--port={self.ports[form]}', '--tls=on', '--tls-starttls=' +
             ('on' if form == 'submission' else 'off'),
             '--tls-trust-file=' + ca, '--auth=' + auth.lower(),
             '--user=' + USER, f'--passwordeval=echo {password}',
             '--set-from-header=off', '--from=' + sender, '--', USER], message)

    def nodemailer(self, form, sender, path, password, ca, auth):
        job = {
            'options': {
                'host': 'localhost', 'port': self.ports[form],
                'secure': form == 'submissions', 'requireTLS': True,
                'authMethod': auth,
                'auth': {'user': USER, 'pass': password},
            },
            'ca': ca, 'path': path,
            'envelope': {'from': sender, 'to': [USER]},
        }
        return self.client(
            ['node', HERE + '/client_nodemailer.js', json.dumps(job)],
            env={'NODE_PATH': npm_folder()})

    def smtplib(self, form, sender, path, password, ca, auth):
        context = ssl.create_default_context(cafile=ca)
        port = self.ports[form]
        with open(path, 'rb') as f:
            message = f.read()
        try:
            if form == 'submission':
                client = smtplib.SMTP('localhost', port, timeout=60)
                client.starttls(context=context)
            else:
                client = smtplib.SMTP_SSL('localhost', port, timeout=60,
                                          context=context)
            with client:
                client.ehlo()
                client.user, client.password = USER, password
                client.auth(auth, getattr(
                    client, 'auth_' + auth.lower()))
                client.sendmail(sender, [USER], message)
        except (smtplib.SMTPException, ssl.SSLError) as e:
            return 1, str(e)
        return 0, ''

    CLIENTS = {
        'swaks': ('PLAIN', 'LOGIN'),
        'curl': ('PLAIN', 'LOGIN'),
        'msmtp': ('PLAIN', 'LOGIN', 'SCRAM-SHA-256'),
        'nodemailer': ('PLAIN', 'LOGIN'),
        'smtplib': ('PLAIN', 'LOGIN'),
    }

    def client(self, argv, data=None, env=None):
        done = self.system.run(
            argv, data, None, dict(env or {}, HOME=self.system.folder), 90)
        return done.returncode, (done.stdout + done.stderr).decode(
            errors='replace')

    def send(self, name, form, message, sender=USER, password='secret',
             ca=None, auth='PLAIN'):
        path = self.system.folder + '/message'
        with open(path, 'wb') as f:
            f.write(message)
        return getattr(self, name)(form, sender, path, password,
                                   ca or self.ca, auth)

    # --- what arrived ------------------------------------------------------

    def take(self):
        """All messages in ann's INBOX, which is empty afterwards."""
        self.system.mda()
        d = self.dialog('m3mta-imap', '--preauth', USER)
        d.line()
        d.imap('a', 'SELECT INBOX')
        text = d.imap('b', 'UID FETCH 1:* (BODY.PEEK[])')
        d.imap('c', 'STORE 1:* +FLAGS.SILENT (\\Deleted)')
        d.imap('d', 'EXPUNGE')
        messages = []
        at = re.compile(rb'\* \d+ FETCH [^\r]*\{(\d+)\}\r\n').search(text)
        while at:
            end = at.end() + int(at.group(1))
            messages.append(text[at.end():end])
            at = re.compile(rb'\* \d+ FETCH [^\r]*\{(\d+)\}\r\n').search(
                text, end)
        return messages

    def assert_arrived(self, *sent):
        """In whatever order. The trace fields of each."""
        got = {}
        for text in self.take():
            trace = TRACE.match(text)
            self.assertTrue(trace, text[:300])
            # Some clients end the message with an empty line of their own.
            got[text[trace.end():].rstrip(b'\r\n')] = trace.group()
        want = {text.rstrip(b'\r\n') for text in sent}
        self.assertTrue(set(got) == want, [
            text[:900] for text in want.symmetric_difference(got)])
        return got.values()

    def each(self):
        for name in self.CLIENTS:
            for form in FORMS:
                yield name, form

    def test_messages(self):
        for name, form in self.each():
            with self.subTest(client=name, form=form):
                sent = [STAMPS + message for what, message in
                        MESSAGES.items()
                        if what not in ('no header', 'header only')]
                for message in sent:
                    code, text = self.send(name, form, message)
                    self.assertEqual(code, 0, text)
                for trace in self.assert_arrived(*sent):
                    self.assertIn(b'with ESMTPSA', trace)
                    self.assertIn(b'version=TLSv1.3', trace)

    def test_mechanisms(self):
        message = STAMPS + MESSAGES['plain']
        for name, form in self.each():
            for auth in self.CLIENTS[name]:
                with self.subTest(client=name, form=form, auth=auth):
                    code, text = self.send(name, form, message, auth=auth)
                    self.assertEqual(code, 0, text)
                    self.assert_arrived(message)

    def test_wrong_password(self):
        for name, form in self.each():
            with self.subTest(client=name, form=form):
                code, text = self.send(name, form, MESSAGES['plain'],
                                       password='wrong')
                self.assertNotEqual(code, 0)
                self.assertRegex(text, '(?i)535|auth|login denied')
        self.assertEqual(self.take(), [])

    def test_foreign_sender(self):
        for name, form in self.each():
            with self.subTest(client=name, form=form):
                code, text = self.send(name, form, MESSAGES['plain'],
                                       sender='bob@example.org')
                self.assertNotEqual(code, 0)
                self.assertIn('5.7.1', text)
        self.assertEqual(self.take(), [])

    def test_certificate_of_another_authority(self):
        """Client and server part in peace; the server lives on."""
        for name, form in self.each():
            with self.subTest(client=name, form=form):
                code, text = self.send(name, form, MESSAGES['plain'],
                                       ca=self.other_ca)
                self.assertNotEqual(code, 0)
                self.assertRegex(text, '(?i)certificate|issuer|TLS')
                self.assertNotIn('235', text)
        self.assertEqual(self.take(), [])
        for port in self.ports.values():
            socket.create_connection(('127.0.0.1', port), 30).close()


if __name__ == '__main__':
    unittest.main()
