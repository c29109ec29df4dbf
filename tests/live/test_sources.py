"""Who counts as one client: an address of IPv4, a /64 of IPv6; from a host
of its own (a network namespace), which has as many addresses as it likes."""
import subprocess
import sys
import unittest

from harness import LiveTest, free_port, wait_for
from netns import Hosts, ip

LIMIT = 3
# Connects from each of the addresses, and holds all until the end of input.
CLIENT = '''
import socket, sys
host, port, kept = sys.argv[1], int(sys.argv[2]), []
family = socket.AF_INET6 if ':' in host else socket.AF_INET
for source in sys.argv[3:]:
    s = socket.create_connection((host, port), 20, (source, 0))
    kept.append(s)
    print(s.makefile('rb').readline().decode()[:8].strip() or 'closed',
          flush=True)
sys.stdin.read()
'''


class Sources(LiveTest):
    settings = {'server__max_per_source': LIMIT}

    @classmethod
    def prepare(cls):
        cls.hosts = Hosts(1)
        cls.hosts.__enter__()
        cls.addClassCleanup(cls.hosts.__exit__)
        name, tag = cls.hosts.made[0], cls.hosts.made[0] + 'h'
        ip('address', 'add', 'fd00:6d33::1/48', 'dev', tag, 'nodad')
        for part in ('a::1', 'a::2', 'a:1::3', 'a:2:3:4:5', 'b::1', 'b::2'):
            ip('-n', name, 'address', 'add', f'fd00:6d33:0:{part}/48', 'dev',
               'eth0', 'nodad')
        cls.port = free_port()
        cls.system.start([
            'systemd-socket-activate', '-l', f'[::]:{cls.port}',
            '--fdname=imap', cls.system.binary('m3mta-imap'), '-c',
            cls.system.config])
        wait_for(cls.is_listening, what='the server')

    @classmethod
    def is_listening(cls):
        with open('/proc/net/tcp6') as f:
            return any(x.split()[1].endswith(f':{cls.port:04X}') and
                       x.split()[3] == '0A' for x in f.readlines()[1:])

    def connect(self, address, *sources):
        """What each connection is greeted with; all stay until the end of
        the test."""
        process = subprocess.Popen(
            ['ip', 'netns', 'exec', self.hosts.made[0], sys.executable, '-c',
             CLIENT, address, str(self.port), *sources],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, 20)
        self.addCleanup(process.stdin.close)
        return [process.stdout.readline().strip() for _ in sources]

    def test_one_64_is_one_source(self):
        net = 'fd00:6d33:0:'
        got = self.connect(
            'fd00:6d33::1', net + 'a::1', net + 'a::2', net + 'a::1',
            net + 'a:1::3', net + 'a:2:3:4:5', net + 'b::1', net + 'b::2')
        self.assertEqual(got, ['* OK [CA'] * LIMIT + ['* BYE To'] * 2 +
                         ['* OK [CA'] * 2)

    def test_one_address_of_ipv4_is_one_source(self):
        """Also where the listener's socket shows it as ::ffff:a.b.c.d."""
        source = self.hosts.network + '2'
        got = self.connect(self.hosts.address, *[source] * (LIMIT + 2))
        self.assertEqual(got, ['* OK [CA'] * LIMIT + ['* BYE To'] * 2)

    def test_a_source_that_ended_has_room_again(self):
        source = self.hosts.network + '2'
        for _ in range(3):
            got = self.connect(self.hosts.address, *[source] * LIMIT)
            self.assertEqual(got, ['* OK [CA'] * LIMIT)
            self.doCleanups()
            wait_for(self.is_free, what='the ends of the sessions')

    def is_free(self):
        return not [x for x in self.established() if x]

    def established(self):
        with open('/proc/net/tcp6') as f:
            return [x for x in f.readlines()[1:]
                    if x.split()[1].endswith(f':{self.port:04X}') and
                    x.split()[3] in ('01', '08')]


class Descriptors(LiveTest):
    settings = {'server__max_use': 100}

    def test_a_parent_without_descriptors_serves_again_when_it_has_some(self):
        port = free_port()
        self.system.start([
            'prlimit', '--nofile=24', 'systemd-socket-activate', '-l',
            f'127.0.0.1:{port}', '--fdname=imap',
            self.system.binary('m3mta-imap'), '-c', self.system.config])
        wait_for(lambda: self.system.is_listening(port), what='the server')
        dialogs = [self.dialog(None, port=port) for _ in range(40)]
        # Some are served, some told that there are too many, some wait.
        self.assertEqual(dialogs[0].line()[:4], b'* OK')
        for d in dialogs:
            d.close()

        def is_served():
            d = self.dialog(None, port=port)
            text = d.line()
            d.close()
            return text.startswith(b'* OK')
        wait_for(is_served, 25, 'a session')


if __name__ == '__main__':
    unittest.main()
