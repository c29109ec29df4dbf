"""AUTH and AUTHENTICATE with an independent client (GNU gsasl), and the
limits that all processes share."""
import base64
import concurrent.futures
import functools
import hashlib
import hmac
import os
import socket
import ssl
import subprocess
import time
import unittest

from harness import LiveTest
from test_tls import make_certificate


@functools.lru_cache
def salted(password, salt, rounds):
    """What a client may keep (RFC 5802 3)."""
    return hashlib.pbkdf2_hmac('sha256', password, salt, rounds)


def scram(send, binding, data, password, user=b'ann@example.org',
          tamper=False):
    """A SCRAM client of 30 lines; `send` gives the challenge or None."""
    def sha(key, text):
        return hmac.new(key, text, hashlib.sha256).digest()
    gs2 = binding + b',,'
    bare = b'n=' + user + b',r=' + base64.b64encode(os.urandom(18))
    first = send(gs2 + bare)
    fields = dict(x.split(b'=', 1) for x in first.split(b','))
    key = salted(password, base64.b64decode(fields[b's']),
                 int(fields[b'i']))
    client = sha(key, b'Client Key')
    final = (b'c=' + base64.b64encode(gs2 + data) + b',r=' + fields[b'r'])
    text = bare + b',' + first + b',' + final
    signature = sha(hashlib.sha256(client).digest(), text)
    proof = bytes(a ^ b for a, b in zip(client, signature))
    if tamper:
        proof = proof[:-1] + bytes([proof[-1] ^ 1])
    last = send(final + b',p=' + base64.b64encode(proof))
    if last is None:
        return False
    want = b'v=' + base64.b64encode(sha(sha(key, b'Server Key'), text))
    if last != want:
        raise AssertionError(f'server signature: {last}')
    return True


class Auth(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        make_certificate(s.folder, 'main', 'mx.example.org')
        s.set('tls.certificate', s.folder + '/main.pem')
        s.set('tls.key', s.folder + '/main.key')
        s.settings['smtp'] = {}
        s.settings['imap'] = {}
        s.write_config()
        s.add_domain()
        s.add_mailbox('ann@example.org')
        s.add_mailbox('bob@example.org', password='påss wörd')
        cls.smtp = s.serve('m3mta-smtp', 'smtp')
        cls.imap = s.serve('m3mta-imap', 'imap')

    def gsasl(self, protocol, port, mechanism, password='secret', *options):
        done = subprocess.run(
            ['gsasl', '--' + protocol, '--mechanism', mechanism,
             '--authentication-id=ann@example.org', '--authorization-id=',
             f'--password={password}', '--hostname=localhost',
             f'--x509-ca-file={self.system.folder}/main.pem',
             *options, 'localhost', str(port)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=60)
        return done.returncode, done.stdout.decode(errors='replace')

    def test_gsasl(self):
        for protocol, port in (('smtp', self.smtp), ('imap', self.imap)):
            for mechanism in ('SCRAM-SHA-256', 'PLAIN', 'LOGIN',
                              'SCRAM-SHA-256-PLUS'):
                with self.subTest(protocol=protocol, mechanism=mechanism):
                    code, text = self.gsasl(
                        protocol, port, mechanism, 'secret',
                        *([] if 'PLUS' in mechanism else ['--no-cb']))
                    self.assertEqual(code, 0, text)
            code, text = self.gsasl(protocol, port, 'SCRAM-SHA-256', 'wrong',
                                    '--no-cb')
            self.assertTrue('535' in text or 'AUTHENTICATIONFAILED' in text)
            self.assertNotEqual(code, 0, text)

    def tls_smtp(self):
        raw = socket.create_connection(('127.0.0.1', self.smtp), 20)
        raw.recv(1000)
        raw.sendall(b'EHLO a.example\r\n')
        while b'250 ' not in raw.recv(4000):
            pass
        raw.sendall(b'STARTTLS\r\n')
        self.assertTrue(raw.recv(1000).startswith(b'220'))
        context = ssl.create_default_context(
            cafile=self.system.folder + '/main.pem')
        sock = context.wrap_socket(raw, server_hostname='mx.example.org')
        self.addCleanup(sock.close)
        sock.sendall(b'EHLO a.example\r\n')
        text = b''
        while b'250 ' not in text:
            text += sock.recv(4000)
        return sock, text

    def smtp_scram(self, mechanism, binding, end_point, **how):
        sock, text = self.tls_smtp()
        self.assertIn(b'AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN',
                      text)
        data = b''
        if end_point:
            der = sock.getpeercert(binary_form=True)
            data = hashlib.sha256(der).digest()
        sock.sendall(b'AUTH ' + mechanism + b'\r\n')
        self.assertTrue(sock.recv(1000).startswith(b'334'))

        def send(message):
            sock.sendall(base64.b64encode(message) + b'\r\n')
            answer = sock.recv(5000).strip()
            if not answer.startswith(b'334'):
                self.answer = answer
                return None
            return base64.b64decode(answer[4:])
        good = scram(send, binding, data, how.pop('password'), **how)
        if good:
            sock.sendall(b'\r\n')
            self.answer = sock.recv(1000)
        return self.answer[:3]

    def test_end_point(self):
        plus = (b'SCRAM-SHA-256-PLUS', b'p=tls-server-end-point', True)
        self.assertEqual(
            self.smtp_scram(*plus, password=b'secret'), b'235')
        self.assertEqual(
            self.smtp_scram(*plus, password=b'wrong'), b'535')
        # The certificate of another server: somebody is in between.
        self.assertEqual(
            self.smtp_scram(*plus[:2], False, password=b'secret'), b'535')
        self.assertEqual(self.smtp_scram(
            b'SCRAM-SHA-256', b'n', False, password='påss wörd'.encode(),
            user=b'bob@example.org'), b'235')
        self.assertEqual(self.smtp_scram(
            b'SCRAM-SHA-256', b'n', False, password=b'secret',
            tamper=True), b'535')

    def test_downgrade(self):
        # "y": the client could, and believes that the server cannot.
        with self.assertRaises(Exception):
            self.smtp_scram(b'SCRAM-SHA-256', b'y', False,
                            password=b'secret')
        self.assertEqual(self.answer[:3], b'501')

    def test_unknown_user_looks_like_a_known_one(self):
        salts = set()
        for user in (b'nobody@example.org', b'nobody@example.org'):
            sock, _ = self.tls_smtp()
            sock.sendall(b'AUTH SCRAM-SHA-256 ' + base64.b64encode(
                b'n,,n=' + user + b',r=abc') + b'\r\n')
            answer = sock.recv(2000)
            self.assertTrue(answer.startswith(b'334'))
            fields = base64.b64decode(answer[4:]).split(b',')
            salts.add(fields[1])
            self.assertEqual(fields[2], b'i=15000')
        self.assertEqual(len(salts), 1)


class Limits(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        s.add_domain()
        s.add_mailbox('ann@example.org')
        s.add_mailbox('eve@example.org')

    def limited(self, **settings):
        for key, value in settings.items():
            self.system.set(key.replace('__', '.'), value)
        self.system.write_config()
        self.system.db.limits.delete_many({})
        self.addCleanup(self.unlimit)

    def unlimit(self):
        self.system.settings.pop('limit', None)
        self.system.write_config()

    def one_message(self):
        d = self.dialog('m3mta-smtp')
        d.reply()
        d.smtp('EHLO a.example')
        d.smtp('MAIL FROM:<x@example.com>')
        answer = d.smtp('RCPT TO:<ann@example.org>')
        if not answer.startswith('250'):
            return answer
        answer = d.smtp('DATA')
        if answer.startswith('354'):
            answer = d.smtp('Subject: x\r\n\r\nx\r\n.')
        d.close()
        return answer

    def test_messages_exact(self):
        self.limited(limit__messages__source='7/1h')
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: self.one_message(),
                                    range(20)))
        good = [a for a in answers if a.startswith('250')]
        bad = [a for a in answers if a.startswith('450 4.7.1')]
        self.assertEqual((len(good), len(bad)), (7, 13), answers)

    def test_connections(self):
        self.limited(limit__connections__source='3/1h')
        answers = [self.one_message() for _ in range(5)]
        self.assertEqual([a[:3] for a in answers],
                         ['250', '250', '250', '421', '421'], answers)

    def test_window_ends(self):
        self.limited(limit__messages__source='1/1s')
        self.assertTrue(self.one_message().startswith('250'))
        self.assertTrue(self.one_message().startswith('450'))
        time.sleep(1.1)
        self.assertTrue(self.one_message().startswith('250'))

    def login(self, user, password):
        d = self.dialog('m3mta-smtp')
        d.reply()
        d.smtp('EHLO a.example')
        start = time.monotonic()
        answer = d.smtp('AUTH PLAIN ' + base64.b64encode(
            f'\0{user}\0{password}'.encode()).decode())
        d.close()
        return answer[:3], time.monotonic() - start

    def test_logins(self):
        self.limited(limit__logins={'source': '8/15m', 'free': '2/15m',
                                    'delay': '1s'})
        for n in range(2):
            self.assertEqual(self.login('ann@example.org', f'x{n}')[0],
                             '535')
        # Right ones are not counted.
        for _ in range(6):
            self.assertEqual(self.login('eve@example.org', 'secret')[0],
                             '235')
        code, seconds = self.login('ann@example.org', 'wrong')
        self.assertEqual(code, '535')
        self.assertGreater(seconds, 0.25)
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            codes = list(pool.map(
                lambda n: self.login('ann@example.org', f'y{n}')[0],
                range(12)))
        # 3 failures so far: exactly five more are tried, and over the limit
        # one in each two minutes.
        self.assertEqual(codes.count('535'), 6, codes)
        self.assertEqual(codes.count('454'), 6, codes)
        # Who was here before is not held up, who was not is.
        self.assertEqual(self.login('eve@example.org', 'secret')[0], '235')
        self.assertEqual(self.login('ann@example.org', 'secret')[0], '454')

    def test_a_burst_out_of_nothing(self):
        """A good login is noted once; what fails is counted exactly."""
        self.limited(limit__logins={'source': '8/15m', 'free': '0/15m'})
        self.system.db.limits.delete_many({})
        for _ in range(2):
            self.assertEqual(self.login('eve@example.org', 'secret')[0],
                             '235')
        self.assertEqual([d['_id'][:12] for d in self.system.db.limits.find()],
                         ['login known '])
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            codes = list(pool.map(
                lambda n: self.login('ann@example.org', f'z{n}')[0],
                range(20)))
        self.assertEqual(codes.count('535'), 9, codes)
        self.assertEqual(codes.count('454'), 11, codes)


if __name__ == '__main__':
    unittest.main()
