"""Two hosts (network namespaces) with two workers each send 5,000 messages
to Postfix's smtp-sink: all arrive, none twice, and never are more sessions
open than remote.concurrency allows over all hosts."""
import collections
import glob
import json
import os
import re
import socket
import threading
import unittest
import urllib.parse

from harness import LiveTest, System, binary, free_port, unpacked, wait_for
from netns import Hosts

MESSAGES = 5000
CONCURRENCY = 6
SENDERS = 4


class CountingRelay:
    """Listens on address, passes to a port here. `most` connections were
    established at once, as the kernel had it when a new one came: who has
    closed is over for it, though our threads may not know it yet."""

    def __init__(self, address, port):
        self.port_behind = port
        self.lock = threading.Lock()
        self.open = set()
        self.most = 0
        self.peers = collections.Counter()
        self.listener = socket.create_server((address, 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                near, peer = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.open.add(near)
                self.most = max(self.most, sum(
                    map(self.is_established, self.open)))
                self.peers[peer[0]] += 1
            threading.Thread(target=self.session, args=(near,),
                             daemon=True).start()

    def session(self, near):
        far = socket.create_connection(('127.0.0.1', self.port_behind))
        back = threading.Thread(target=self.pass_on, args=(far, near),
                                daemon=True)
        back.start()
        self.pass_on(near, far)
        back.join()
        with self.lock:
            self.open.remove(near)
            near.close()
        far.close()

    @staticmethod
    def is_established(sock):
        state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        return state[0] == 1

    @staticmethod
    def pass_on(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class TwoHosts(LiveTest):
    @classmethod
    def prepare(cls):
        cls.hosts = cls.enterClassContext(Hosts(2))
        s = cls.system
        cls.start_sink()
        cls.relay = CountingRelay(cls.hosts.address, cls.sink)
        cls.addClassCleanup(cls.relay.close)
        s.add_domain()
        s.m3mta('domain', 'add', 'sink.example', '--delivery=relay',
                f'--route={cls.hosts.address}:{cls.relay.port}')
        s.set('remote.concurrency', CONCURRENCY)
        s.set('smtp.relay.networks', ['127.0.0.1/32'])
        s.set('smtp.limit.messages', MESSAGES)
        s.set('smtp.limit.commands', 10 * MESSAGES)
        s.write_config()
        cls.smtp = s.serve('m3mta-smtp', 'smtp')

    @classmethod
    def start_sink(cls):
        s = cls.system
        folder = unpacked('postfix')
        cls.sink = free_port()
        cls.dumps = s.folder + '/sink'
        s.start([folder + '/usr/sbin/smtp-sink', '-u', 'root', '-d',
                 cls.dumps + '/', f'127.0.0.1:{cls.sink}', '500'],
                env={'LD_LIBRARY_PATH': folder + '/usr/lib/postfix'})
        wait_for(lambda: System.is_listening(cls.sink), 30, 'smtp-sink')

    def mongo_for_hosts(self):
        """A way to mongod, which listens on 127.0.0.1 only."""
        uri = urllib.parse.urlsplit(self.system.settings['database']['uri'])
        port = free_port()
        self.system.start(
            ['socat', f'TCP-LISTEN:{port},bind={self.hosts.address},fork,'
             'reuseaddr,backlog=50', f'TCP:127.0.0.1:{uri.port}'])
        wait_for(lambda: System.is_listening(port), what='socat')
        # The set's own name for its member is 127.0.0.1, so: this one.
        return (f'mongodb://{self.hosts.address}:{port}/'
                '?directConnection=true')

    def start_host(self, n, uri):
        """An m3mta-mda as on a machine of its own."""
        s = self.system
        folder = f'{s.folder}/host{n}'
        os.mkdir(folder)
        settings = dict(s.settings, runtime={'dir': folder})
        settings['database'] = dict(settings['database'], uri=uri)
        settings['mda'] = {'loop': {'interval': '1s'}, 'workers': 2}
        with open(folder + '/m3mta.json', 'w') as f:
            json.dump(settings, f)
        return s.start(self.hosts.argv(n, [
            binary('m3mta-mda'), '-c', folder + '/m3mta.json', '--loop']))

    def submit(self, first):
        """Every SENDERS-th message, in one session, pipelined."""
        with socket.create_connection(('127.0.0.1', self.smtp), 60) as sock:
            file = sock.makefile('rb')

            def reply(code):
                line = file.readline()
                while line[3:4] == b'-':
                    line = file.readline()
                if not line.startswith(code):
                    raise AssertionError(line)
            reply(b'220')
            sock.sendall(b'EHLO load.example\r\n')
            reply(b'250')
            for n in range(first, MESSAGES, SENDERS):
                sock.sendall(b'MAIL FROM:<s@example.net>\r\nRCPT TO:'
                             b'<u%d@sink.example>\r\nDATA\r\n' % n)
                for code in (b'250', b'250', b'354'):
                    reply(code)
                sock.sendall(b'Subject: number %d\r\n\r\n..\r\n%s.\r\n' %
                             (n, b'x' * 70 + b'\r\n'))
                reply(b'250')
            sock.sendall(b'QUIT\r\n')
            reply(b'221')
        self.sent += 1

    def fill(self):
        self.sent = 0
        threads = [threading.Thread(target=self.submit, args=(n,))
                   for n in range(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.sent, SENDERS, 'sessions that sent all')
        self.assertEqual(self.system.db.queue.count_documents({}), MESSAGES)

    def arrived(self):
        """How often each number is in the sink's files."""
        count = collections.Counter()
        for path in glob.glob(self.dumps + '/*'):
            with open(path, 'rb') as f:
                text = f.read()
            number = re.search(rb'Subject: number (\d+)', text).group(1)
            rcpt = re.search(rb'X-Rcpt-Args: <u(\d+)@', text).group(1)
            self.assertEqual(number, rcpt)
            count[int(number)] += 1
        return count

    def test_all_once_within_the_limit(self):
        self.fill()
        uri = self.mongo_for_hosts()
        hosts = [self.start_host(n, uri) for n in range(2)]
        wait_for(lambda: self.system.db.queue.find_one() is None, 240,
                 'an empty queue')
        for host in hosts:
            self.assertIsNone(host.poll(), self.system.logs()[-2000:])
            self.system.stop(host)
        count = self.arrived()
        self.assertEqual(
            [n for n in range(MESSAGES) if count[n] != 1], [])
        self.assertEqual(count.total(), MESSAGES)
        self.assertLessEqual(self.relay.most, CONCURRENCY)
        self.assertEqual(len(self.relay.peers), 2, 'both hosts sent')
        self.system.verify()


if __name__ == '__main__':
    unittest.main()
