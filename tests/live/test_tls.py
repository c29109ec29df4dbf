"""STARTTLS and TLS from the first byte, with real certificates."""
import imaplib
import os
import smtplib
import socket
import ssl
import subprocess
import unittest

from harness import LiveTest


def make_key(folder, name, subject, *options):
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
         'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
         f'/CN={subject}', '-keyout', f'{folder}/{name}.key', '-out',
         f'{folder}/{name}.pem', *options],
        check=True, stderr=subprocess.DEVNULL)


def make_certificate(folder, name, host, ca=None):
    """Signed by `ca` of the same folder, else by itself."""
    options = ['-addext', f'subjectAltName=DNS:{host},DNS:localhost']
    if ca:
        options += ['-CA', f'{folder}/{ca}.pem', '-CAkey',
                    f'{folder}/{ca}.key', '-addext',
                    'basicConstraints=critical,CA:FALSE']
    make_key(folder, name, host, *options)


def make_ca(folder, name):
    """The path of its certificate."""
    make_key(folder, name, 'Authority ' + name, '-addext',
             'keyUsage=critical,keyCertSign')
    return f'{folder}/{name}.pem'


class Tls(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        make_certificate(s.folder, 'main', 'mx.example.org')
        os.mkdir(s.folder + '/sni')
        make_certificate(s.folder + '/sni', 'mail.example.net',
                         'mail.example.net')
        s.set('tls.certificate', s.folder + '/main.pem')
        s.set('tls.key', s.folder + '/main.key')
        s.settings['tls']['sni'] = {'dir': s.folder + '/sni'}
        s.settings['smtp'] = {}
        s.settings['imap'] = {}
        s.write_config()
        s.add_domain()
        s.add_mailbox('ann@example.org')
        cls.smtp = s.serve('m3mta-smtp', 'smtp')
        cls.submissions = s.serve('m3mta-smtp', 'submissions')
        cls.imap = s.serve('m3mta-imap', 'imap')
        cls.imaps = s.serve('m3mta-imap', 'imaps')

    def context(self, host='main'):
        return ssl.create_default_context(
            cafile=f'{self.system.folder}/{host}.pem')

    def connect(self, port, host='mx.example.org', file='main'):
        return self.context(file).wrap_socket(
            socket.create_connection(('127.0.0.1', port), 20),
            server_hostname=host)

    def test_smtp_starttls(self):
        with smtplib.SMTP('127.0.0.1', self.smtp) as c:
            c.ehlo()
            self.assertIn('starttls', c.esmtp_features)
            # No password in clear.
            self.assertEqual(c.esmtp_features['auth'].split(),
                             ['SCRAM-SHA-256'])
            c._host = 'mx.example.org'
            self.assertEqual(c.starttls(context=self.context())[0], 220)
            self.assertEqual(c.docmd('MAIL FROM:<a@b.c>')[0], 503)
            c.ehlo()
            self.assertNotIn('starttls', c.esmtp_features)
            c.login('ann@example.org', 'secret')
            c.sendmail('ann@example.org', ['ann@example.org'],
                       'Subject: tls\r\n\r\nx\r\n')
        self.system.mda()
        imap = imaplib.IMAP4('127.0.0.1', self.imap)
        imap.host = 'mx.example.org'
        with self.assertRaises(imaplib.IMAP4.error):
            imap.login('ann@example.org', 'secret')
        imap.starttls(self.context())
        imap.login('ann@example.org', 'secret')
        imap.select()
        text = imap.fetch('1', '(BODY[HEADER])')[1][0][1]
        self.assertIn(b'with ESMTPSA', text)
        self.assertIn(b'version=TLSv1.3', text)
        imap.logout()

    def test_a_certificate_without_its_key_stops_the_start(self):
        s = self.system
        sni = s.folder + '/other-sni'
        os.mkdir(sni)
        make_certificate(sni, 'lonely.example', 'lonely.example')
        os.rename(sni + '/lonely.example.key', s.folder + '/other.key')
        for settings, word in (
                (['tls.key=' + s.folder + '/other.key'], 'main.pem'),
                (['tls.key=' + s.folder + '/none.key'], 'none.key'),
                (['tls.certificate=' + s.config], 'm3mta.json'),
                (['tls.sni.dir=' + sni], 'lonely.example')):
            for program in ('m3mta-smtp', 'm3mta-imap'):
                with self.subTest(settings, program=program):
                    options = [x for o in settings for x in ('-o', o)]
                    done = s.run([s.binary(program), '-c', s.config,
                                  *options], data=b'', code=78)
                    self.assertIn(word, done.stderr.decode())

    def test_a_client_that_refuses_the_certificate_gets_no_session(self):
        """It breaks the handshake off and goes on in clear."""
        for port, lines, tls in (
                (self.smtp, (b'EHLO x\r\n', b'STARTTLS\r\n'),
                 b'EHLO x\r\n'),
                (self.imap, (b'a STARTTLS\r\n',), b'b CAPABILITY\r\n')):
            with socket.create_connection(('127.0.0.1', port), 20) as raw:
                raw.recv(4096)
                for line in lines:
                    raw.sendall(line)
                    raw.recv(4096)
                context = ssl.create_default_context()
                with self.assertRaises(ssl.SSLCertVerificationError):
                    context.wrap_socket(
                        raw.dup(), server_hostname='mx.example.org')
                answer = b''
                try:
                    raw.sendall(tls)
                    while data := raw.recv(4096):
                        answer += data
                except OSError:
                    pass
                for word in (b'250', b'CAPABILITY', b'OK'):
                    self.assertNotIn(word, answer)
        # The next one is served.
        self.test_tls_from_the_first_byte()

    def test_tls_from_the_first_byte(self):
        with self.connect(self.submissions) as s:
            self.assertTrue(s.recv(100).startswith(b'220 '))
        with self.connect(self.imaps) as s:
            self.assertTrue(s.recv(100).startswith(b'* OK'))

    def test_name_decides_the_certificate(self):
        with self.connect(self.imaps, 'mail.example.net',
                          'sni/mail.example.net') as s:
            self.assertTrue(s.recv(100).startswith(b'* OK'))

    def test_octets_behind_starttls(self):
        for port, first, lines, want in (
                (self.smtp, b'EHLO x\r\n', b'STARTTLS\r\nRSET\r\n',
                 b'501 5.5.4'),
                (self.imap, b'a NOOP\r\n', b'a STARTTLS\r\nb LOGIN x y\r\n',
                 b'a BAD')):
            with socket.create_connection(('127.0.0.1', port), 20) as s:
                s.recv(1000)
                s.sendall(first)
                s.recv(1000)
                s.sendall(lines)
                text = b''
                while True:
                    part = s.recv(4096)
                    if not part:
                        break
                    text += part
                self.assertIn(want, text)
                self.assertNotIn(b'b NO', text)

    def test_garbage_for_a_handshake(self):
        with socket.create_connection(('127.0.0.1', self.imaps), 20) as s:
            s.sendall(b'GET / HTTP/1.1\r\n\r\n' * 100)
            try:
                while s.recv(4096):
                    pass
            except ConnectionResetError:
                pass

    def test_a_renewed_certificate_is_used_at_once(self):
        """In both process forms, by both protocols."""
        each = [self.system.serve(p, 'x', form='inetd', options=['--tls'])
                for p in ('m3mta-imap', 'm3mta-smtp')]
        for port in (self.imaps, self.submissions, *each):
            self.connect(port).close()
            with open(self.system.folder + '/main.pem') as f:
                before = f.read()
            make_certificate(self.system.folder, 'main', 'mx.example.org')
            with self.connect(port) as s:
                got = ssl.DER_cert_to_PEM_cert(s.getpeercert(True))
            with open(self.system.folder + '/main.pem') as f:
                now = f.read()
            self.assertNotEqual(before, now)
            self.assertEqual(got.split(), now.split())

    def test_starttls_off(self):
        """Also with a certificate."""
        port = self.system.serve('m3mta-smtp', 'smtp', options=[
            '-o', 'smtp.starttls=off'])
        with smtplib.SMTP('127.0.0.1', port) as c:
            c.ehlo()
            self.assertNotIn('starttls', c.esmtp_features)
            self.assertEqual(c.docmd('STARTTLS')[0], 502)

    def test_the_log_names_protocol_and_cipher(self):
        self.connect(self.submissions).close()
        with smtplib.SMTP('127.0.0.1', self.smtp) as c:
            c.ehlo()
            c._host = 'mx.example.org'
            c.starttls(context=self.context())
            c.ehlo()
        self.assertRegex(self.system.logs(), r'event=tls .*version=TLSv1\.3 '
                         r'cipher=\S+ servername=mx\.example\.org')


if __name__ == '__main__':
    unittest.main()
