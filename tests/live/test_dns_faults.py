"""The name server is down, silent, or lies: mail waits, nothing else
happens. (The honest one is nsd, in test_remote.)"""
import os
import socket
import struct
import threading
import time
import unittest

from fake_mta import FakeMta
from harness import LiveTest, free_port


class Liar:
    """Answers each question by `make(query)`; None is silence."""

    def __init__(self, make):
        self.make = make
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(('127.0.0.1', 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        while True:
            try:
                query, peer = self.sock.recvfrom(4096)
                answer = self.make(query)
                if answer is not None:
                    self.sock.sendto(answer, peer)
            except OSError:
                return

    def close(self):
        self.sock.close()


def question(query):
    """The octets of the question, and its type."""
    end = query.index(b'\0', 12) + 5
    return query[12:end], struct.unpack('>H', query[end - 4:end - 2])[0]


def answer(query, *records, flags=0x8180):
    asked, _ = question(query)
    return (query[:2] + struct.pack('>HHHHH', flags, 1, len(records), 0, 0) +
            asked + b''.join(
                b'\xc0\x0c' + struct.pack('>HHIH', kind, 1, 60, len(data)) +
                data for kind, data in records))


def loop_name(query):
    """An MX whose name is a compression pointer to itself."""
    asked, _ = question(query)
    here = 12 + len(asked) + 12 + 2
    return answer(query, (15, b'\0\x0a' + struct.pack('>H', 0xc000 | here)))


def mx_to(name):
    def make(query):
        _, kind = question(query)
        if kind == 15:
            return answer(query, (15, b'\0\x0a' + name))
        if kind == 1:
            return answer(query, (1, bytes([127, 0, 0, 1])))
        return answer(query)
    return make


LIES = {
    'silence': lambda q: None,
    'garbage': lambda q: os.urandom(50),
    'another id': lambda q: b'\xff\xff' + answer(q)[2:],
    'cut short': lambda q: answer(q, (15, b'\0\x0a\4mail\0'))[:-3],
    'counts that lie': lambda q: q[:2] + struct.pack(
        '>HHHHH', 0x8180, 1, 60000, 0, 0) + question(q)[0],
    'a name in a circle': loop_name,
    'SERVFAIL': lambda q: answer(q, flags=0x8182),
    'REFUSED': lambda q: answer(q, flags=0x8185),
    'rdata too long': lambda q: answer(q)[:6] + b'\0\1' + answer(q)[8:] +
        b'\xc0\x0c' + struct.pack('>HHIH', 15, 1, 60, 60000) + b'x',
    'a name with a NUL and blanks': mx_to(b'\5a\0b c\0'),
    'a name with line ends': mx_to(b'\x0ea\r\nRCPT TO:<x>\0'),
}


class DnsFaults(LiveTest):
    @classmethod
    def prepare(cls):
        s = cls.system
        s.add_domain()
        s.add_mailbox('ann@example.org', '--may-relay')
        s.set('remote.timeout', {'reply': '1s', 'connect': '1s'})
        s.set('remote.allow', {'networks': ['127.0.0.0/8']})

    def attempt(self, dns_port, remote_port=1):
        s = self.system
        s.set('dns.server', f'127.0.0.1:{dns_port}')
        s.set('remote.port', remote_port)
        s.write_config()
        s.db.queue.delete_many({})
        s.db.limits.delete_many({})
        d = self.dialog('m3mta-smtp')
        d.reply()
        for line in ('EHLO a',
                     'AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=',
                     'MAIL FROM:<ann@example.org>',
                     'RCPT TO:<bob@far.example>', 'DATA',
                     'Subject: x\r\n\r\nx\r\n.'):
            answered = d.smtp(line)
        self.assertTrue(answered.startswith('250'))
        d.close()
        s.mda()
        return s.db.queue.find_one({'sender': 'ann@example.org'})

    def waits(self, port):
        item = self.attempt(port)
        self.assertIsNotNone(item)
        self.assertEqual(item['recipients'][0]['state'], 'P')
        self.assertEqual(item['attempts'], 1)
        self.assertRegex(item['recipients'][0]['status'], r'^4\.')

    def test_down(self):
        self.waits(free_port())

    def test_aaaa_that_fails_does_not_stop_a(self):
        def half(good, bad):
            def make(query):
                _, kind = question(query)
                if kind == bad:
                    return answer(query, flags=0x8182)
                if kind == good:
                    return answer(query, (good, {
                        1: bytes([127, 0, 0, 1]),
                        28: bytes(15) + b'\1'}[good]))
                return answer(query)
            return make
        self.system.set('remote.allow',
                        {'networks': ['127.0.0.0/8', '::1']})
        for good, bad in ((1, 28), (28, 1)):
            with self.subTest(good=good, bad=bad):
                fake = FakeMta(listener=socket.create_server(
                    ('', 0), family=socket.AF_INET6, dualstack_ipv6=True))
                self.addCleanup(fake.close)
                liar = Liar(half(good, bad))
                self.addCleanup(liar.close)
                self.assertIsNone(self.attempt(liar.port, fake.port))
                self.assertEqual(len(fake.messages), 1)
        both = Liar(lambda q: answer(q, flags=0x8182)
                    if question(q)[1] in (1, 28) else answer(q))
        self.addCleanup(both.close)
        self.waits(both.port)

    def test_lies(self):
        for name, make in LIES.items():
            with self.subTest(name):
                liar = Liar(make)
                self.addCleanup(liar.close)
                start = time.monotonic()
                self.waits(liar.port)
                # A silent server is not waited for without end.
                self.assertLess(time.monotonic() - start, 60)
        self.system.verify()

    def test_honest(self):
        """The same fake tells the truth: it is not the fake that fails."""
        liar = Liar(mx_to(b'\4mail\3far\7example\0'))
        self.addCleanup(liar.close)
        fake = FakeMta()
        self.addCleanup(fake.close)
        self.assertIsNone(self.attempt(liar.port, fake.port))
        self.assertEqual(len(fake.messages), 1)


if __name__ == '__main__':
    unittest.main()
