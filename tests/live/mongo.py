"""One mongod as a one-member replica set, on a free port, in a temporary
folder, ended by its own pid."""
import atexit
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pymongo
import pymongo.errors

HERE = os.path.dirname(os.path.abspath(__file__))


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as s:
        return s.getsockname()[1]


def find_mongod():
    setup = os.path.join(HERE, '..', '..', 'tools', 'setup')
    return subprocess.run([setup, 'mongod'], check=True,
                          stdout=subprocess.PIPE).stdout.decode().strip()


def freeze(pid):
    """SIGSTOP, and back when each thread stands still: the signal stops one
    of them, when that gets a processor, and that one stops the others."""
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + 30
    while not all(thread_state(pid, t) == 'T'
                  for t in os.listdir(f'/proc/{pid}/task')):
        if time.monotonic() > end:
            raise AssertionError(f'{pid} does not stop')
        time.sleep(0.005)


def thread_state(pid, thread):
    try:
        with open(f'/proc/{pid}/task/{thread}/stat') as f:
            return f.read().rsplit(')', 1)[1].split()[0]
    except FileNotFoundError:
        return 'T'


class ReplicaSet:
    """`with ReplicaSet() as r:` then r.uri, r.port, r.pid. auth: it has a
    keyFile, and r.uri names a user who may do everything."""

    def __init__(self, replica_set='rs0', auth=False):
        self.replica_set = replica_set
        self.auth = auth
        self.process = None

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix='m3mta-mongo-')
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        atexit.register(self.__exit__)
        self.port = free_port()
        if self.auth:
            self.make_key()
        self.spawn()
        self.uri = f'mongodb://127.0.0.1:{self.port}/'
        self.client = pymongo.MongoClient(
            self.uri, directConnection=True, serverSelectionTimeoutMS=30000)
        self.client.admin.command('ping')
        if self.replica_set:
            self.initiate()

    def make_key(self):
        self.key = self.folder + '/key'
        with open(os.open(self.key, os.O_WRONLY | os.O_CREAT, 0o600),
                  'w') as f:
            f.write(secrets.token_hex(32))

    def make_root(self):
        """By the exception for the first user, on loopback."""
        password = secrets.token_hex(16)
        self.client.admin.command('createUser', 'root', pwd=password,
                                  roles=['root'])
        self.client.close()
        self.uri = self.uri.replace('//', f'//root:{password}@', 1)
        self.client = pymongo.MongoClient(
            self.uri.split('?')[0], directConnection=True)

    def restart(self):
        """After a kill: the same port, the same files."""
        self.spawn()
        self.wait_for_primary()

    def spawn(self):
        argv = [find_mongod(), '--port', str(self.port),
                '--bind_ip', '127.0.0.1', '--dbpath', self.folder,
                '--wiredTigerCacheSizeGB', '0.5', '--setParameter',
                'enableTestCommands=1', '--nounixsocket',
                # What a killed process had open is given up after this.
                '--setParameter', 'transactionLifetimeLimitSeconds=3']
        if self.replica_set:
            argv += ['--replSet', self.replica_set]
        if self.auth:
            argv += ['--keyFile', self.key, '--setParameter',
                     # Thousands of short processes log in.
                     'scramSHA256IterationCount=5000']
        self.process = subprocess.Popen(
            argv, stdout=open(self.folder + '/log', 'ab'),
            stderr=subprocess.STDOUT)
        self.pid = self.process.pid

    def initiate(self):
        self.uri += f'?replicaSet={self.replica_set}'
        member = {'_id': 0, 'host': f'127.0.0.1:{self.port}'}
        self.client.admin.command(
            'replSetInitiate', {'_id': self.replica_set, 'members': [member]})
        self.wait_for_primary()
        if self.auth:
            self.make_root()

    def wait_for_primary(self):
        end = time.monotonic() + 60
        while True:
            try:
                if self.client.admin.command('hello')['isWritablePrimary']:
                    return
            except pymongo.errors.PyMongoError:
                pass
            if time.monotonic() > end:
                raise TimeoutError('mongod does not become primary')
            time.sleep(0.05)

    def __exit__(self, *unused):
        atexit.unregister(self.__exit__)
        if self.process:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
