"""A replica set of three members, each ended by its own pid. A member can be
killed, frozen, restarted, stepped down, and have its disk filled."""
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time

import pymongo

import mongo
from harness import is_listening, wait_for

MEMBERS = 3


class Set:
    """with small caches. disk: the size of a file system in memory for the
    last member ('600m'; needs root), so that it can be filled."""

    def __init__(self, disk=None, election_ms=1000, parameters=()):
        self.folder = tempfile.mkdtemp(prefix='m3mta-set-')
        self.ports = [mongo.free_port() for _ in range(MEMBERS)]
        self.processes = {}
        self.parameters = parameters
        self.mongod = mongo.find_mongod()
        self.disk = self.mount(disk) if disk else None
        for port in self.ports:
            self.start(port)
        for port in self.ports:
            wait_for(lambda p=port: is_listening(p), 60, f'mongod {port}')
        self.uri = ('mongodb://' + ','.join(
            f'127.0.0.1:{p}' for p in self.ports) + '/?replicaSet=rs3')
        self.direct(self.ports[0], 'replSetInitiate', {
            '_id': 'rs3', 'settings': {'electionTimeoutMillis': election_ms,
                                       'heartbeatIntervalMillis': 500},
            'members': [{'_id': i, 'host': f'127.0.0.1:{p}'}
                        for i, p in enumerate(self.ports)]})
        self.client = pymongo.MongoClient(
            self.uri, serverSelectionTimeoutMS=30000)
        wait_for(lambda: self.primary(), 60, 'a primary')

    def mount(self, size):
        path = f'{self.folder}/{self.ports[-1]}'
        os.makedirs(path)
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}',
                               'm3mta-chaos', path], stderr=subprocess.PIPE)
        return path if done.returncode == 0 else None

    def start(self, port):
        folder = f'{self.folder}/{port}'
        os.makedirs(folder, exist_ok=True)
        argv = [self.mongod, '--port', str(port), '--bind_ip', '127.0.0.1',
                '--dbpath', folder, '--replSet', 'rs3',
                '--wiredTigerCacheSizeGB', '0.25', '--nounixsocket',
                '--oplogSize', '64', '--setParameter',
                'transactionLifetimeLimitSeconds=5']
        for parameter in self.parameters:
            argv += ['--setParameter', parameter]
        with open(folder + '.log', 'ab') as log:
            self.processes[port] = subprocess.Popen(
                argv, stdout=log, stderr=subprocess.STDOUT)

    def direct(self, port, *command):
        """A command to one member."""
        with pymongo.MongoClient('127.0.0.1', port, directConnection=True,
                                 serverSelectionTimeoutMS=10000) as one:
            return one.admin.command(*command)

    def primary(self):
        try:
            return self.client.primary
        except pymongo.errors.PyMongoError:
            return None

    def primary_port(self):
        """Of the primary, else of any member."""
        primary = self.primary()
        return primary[1] if primary else self.ports[0]

    def kill(self, port):
        process = self.processes[port]
        process.send_signal(signal.SIGKILL)
        process.wait()

    def kill_primary(self):
        port = self.primary_port()
        self.kill(port)
        return port

    def freeze(self, port, seconds):
        process = self.processes[port]
        mongo.freeze(process.pid)
        time.sleep(seconds)
        process.send_signal(signal.SIGCONT)

    def step_down(self, seconds=20):
        with contextlib.suppress(pymongo.errors.PyMongoError):
            self.client.admin.command('replSetStepDown', seconds, force=True)

    def fill(self, seconds):
        """The disk of the last member is full for some seconds; as primary,
        where it can be had. mongod ends itself at a write that fails."""
        port = self.ports[-1]
        with contextlib.suppress(pymongo.errors.PyMongoError):
            self.direct(port, 'replSetStepUp')
        ballast = self.disk + '/ballast'
        with contextlib.suppress(OSError), open(ballast, 'wb') as f:
            while True:
                f.write(b'x' * 65536)
        time.sleep(seconds)
        os.unlink(ballast)
        if self.processes[port].poll() is not None:
            self.start(port)

    def mend(self):
        """All members run again."""
        for port, process in self.processes.items():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            if process.poll() is not None:
                self.start(port)

    def close(self):
        if hasattr(self, 'client'):
            self.client.close()
        for process in self.processes.values():
            process.kill()
            process.wait()
        if self.disk:
            subprocess.run(['umount', '-l', self.disk])
        shutil.rmtree(self.folder, ignore_errors=True)
