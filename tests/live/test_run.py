"""m3mta start, stop and status, which `make run` is made of: a second time,
after kill -9 of everything, and with a taken port."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import pymongo

from harness import BUILD, free_port, wait_for

ROOT = os.path.realpath(os.path.join(
    os.path.dirname(os.path.abspath(__file__)), '..', '..'))


class Run(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix='m3t-run-')
        self.addCleanup(shutil.rmtree, self.home, True)
        self.ports = {name: free_port() for name in (
            'smtp', 'submission', 'imap', 'mongodb')}
        mongod = subprocess.run(
            [ROOT + '/tools/setup', 'mongod'], check=True,
            stdout=subprocess.PIPE).stdout.decode().strip()
        self.env = dict(
            os.environ, M3MTA_HOME=self.home, M3MTA_MONGOD=mongod,
            M3MTA_BIN=os.path.abspath(BUILD) + '/bin',
            M3MTA_PORTS=','.join(f'{k}={v}' for k, v in self.ports.items()))
        self.addCleanup(self.tool, 'stop', code=None)

    def tool(self, *words, code=0):
        done = subprocess.run(
            [ROOT + '/tools/run', *words], env=self.env, timeout=120,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        text = done.stdout.decode()
        if code is not None:
            self.assertEqual(done.returncode, code, text)
        return text

    def pids(self):
        """All whose environment names our folder."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as f:
                    if self.home.encode() in f.read():
                        found.append(int(pid))
            except OSError:
                pass
        return found

    def test_start_twice_and_after_kill(self):
        text = self.tool('start')
        self.assertIn('It works.', text)
        self.assertIn(f"smtp {self.ports['smtp']}", text)
        path = self.home + '/demo-passwords'
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertTrue(self.tool('status'))
        self.tool('stop')
        self.assertEqual(self.pids(), [])
        self.assertIn('It works.', self.tool('start'))
        killed = self.pids()
        self.assertGreater(len(killed), 3)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        self.assertIn('It works.', self.tool('start'))
        self.tool('stop')
        self.assertEqual(self.pids(), [])

    # What another user of this machine tries at the port of mongod.
    INTRUDER = '''
import sys, pymongo
port = int(sys.argv[1])
client = pymongo.MongoClient("127.0.0.1", port, directConnection=True)
db = client.m3mta
for action in (
        client.list_database_names, db.list_collection_names,
        db.mailboxes.find_one, db.messages.find_one, db.config.find_one,
        lambda: db.config.insert_one({"_id": "x"}),
        lambda: db.queue.delete_many({}),
        lambda: client.admin.command("createUser", "x", pwd="x", roles=[]),
        lambda: client.admin.command("replSetGetConfig"),
        lambda: client.admin.command("shutdown", force=True)):
    try:
        action()
        print("allowed", action)
    except pymongo.errors.OperationFailure as e:
        print("refused" if e.code == 13 else e)
'''

    def intrude(self):
        other = {'user': 'nobody'} if os.geteuid() == 0 else {}
        done = subprocess.run(
            ['/usr/bin/python3', '-c', self.INTRUDER,
             str(self.ports['mongodb'])], cwd='/', stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=60, **other)
        return done.stdout.decode().split('\n')[:-1]

    def secrets(self):
        found = set()
        for name in ('mongod-key', 'mongod-root', 'demo-passwords'):
            with open(f'{self.home}/{name}') as f:
                found |= {line.split()[-1] for line in f if line.strip()}
        for name in os.listdir(self.home + '/logins'):
            with open(f'{self.home}/logins/{name}') as f:
                found.add(f.read().strip().split(':')[1])
        return found

    def test_another_user_of_the_machine_gets_nothing(self):
        self.tool('start')
        self.assertEqual(self.intrude(), ['refused'] * 10)
        secrets = self.secrets()
        self.assertGreater(len(secrets), 7)
        for pid in self.pids():
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                line = f.read().decode()
            self.assertFalse([x for x in secrets if x in line])
        for folder, _, names in os.walk(self.home):
            self.assertEqual(os.stat(folder).st_mode & 0o077, 0, folder)
            for name in names:
                path = os.path.join(folder, name)
                self.assertEqual(os.lstat(path).st_mode & 0o007 and
                                 not os.path.islink(path), 0, path)
        for name in os.listdir(self.home + '/log'):
            with open(f'{self.home}/log/{name}', errors='replace') as f:
                text = f.read()
            self.assertFalse([x for x in secrets if x in text], name)

    # Makes itself the first user as soon as there is a mongod.
    FIRST = '''
import sys, pymongo
while True:
    try:
        pymongo.MongoClient(
            "127.0.0.1", int(sys.argv[1]), directConnection=True,
            serverSelectionTimeoutMS=10000).admin.command(
            "createUser", "mine", pwd="x", roles=["root"])
        print("made", flush=True)
        break
    except pymongo.errors.PyMongoError as e:
        if getattr(e, "code", 0) == 13:
            print("refused", flush=True)
            break
'''

    def test_nobody_else_is_the_first_user_of_mongod(self):
        if os.geteuid() != 0:
            return
        other = subprocess.Popen(
            ['/usr/bin/python3', '-c', self.FIRST,
             str(self.ports['mongodb'])],
            cwd='/', user='nobody', stdout=subprocess.PIPE)
        try:
            text = self.tool('start', code=None)
            wait_for(lambda: other.poll() is not None, 60, 'the other user')
        finally:
            other.kill()
            said = other.communicate()[0]
        self.assertEqual(said, b'refused\n')
        self.assertIn('It works.', text)

    # Takes the second port when the first one is taken; prints what it hears.
    SQUATTER = '''
import socket, sys, time
first, second = map(int, sys.argv[1:])
while True:
    with socket.socket() as s:
        if s.connect_ex(("127.0.0.1", first)) == 0:
            break
    time.sleep(0.01)
with socket.create_server(("127.0.0.1", second)) as server:
    while True:
        client = server.accept()[0]
        client.sendall(b"* OK [CAPABILITY IMAP4rev1] mine\\r\\n")
        while True:
            data = client.recv(4096)
            if not data:
                break
            print(data, flush=True)
            client.sendall(data.split()[0] + b" OK done\\r\\n")
'''

    def test_who_takes_a_port_meanwhile_is_told_no_password(self):
        if os.geteuid() != 0:
            return
        squatter = subprocess.Popen(
            ['/usr/bin/python3', '-c', self.SQUATTER,
             str(self.ports['mongodb']), str(self.ports['imap'])],
            cwd='/', user='nobody', stdout=subprocess.PIPE)
        try:
            text = self.tool('start', code=None)
        finally:
            squatter.kill()
            heard = squatter.communicate()[0]
        self.assertNotIn(b'LOGIN', heard)
        self.assertIn('ended at once', text)

    def test_data_from_before_there_were_users_is_taken_on(self):
        mongod = subprocess.Popen(
            [self.env['M3MTA_MONGOD'], '--dbpath', self.make('db'),
             '--replSet', 'm3mta', '--bind_ip', '127.0.0.1', '--port',
             str(self.ports['mongodb']), '--nounixsocket'],
            stdout=subprocess.DEVNULL)
        self.addCleanup(mongod.wait)
        self.addCleanup(mongod.kill)
        with pymongo.MongoClient('127.0.0.1', self.ports['mongodb'],
                                 directConnection=True) as client:
            host = f"127.0.0.1:{self.ports['mongodb']}"
            client.admin.command('replSetInitiate', {
                '_id': 'm3mta', 'members': [{'_id': 0, 'host': host}]})
            wait_for(lambda: client.admin.command('hello')[
                'isWritablePrimary'], 60, 'a primary')
            client.m3mta.other.insert_one({'_id': 'mine'})
        mongod.terminate()
        mongod.wait(60)
        self.assertIn('It works.', self.tool('start'))
        self.assertEqual(self.intrude(), ['refused'] * 10)
        with open(self.home + '/mongod-root') as f:
            root = f.read().strip()
        with pymongo.MongoClient(
                '127.0.0.1', self.ports['mongodb'], directConnection=True,
                username='root', password=root) as client:
            self.assertIsNotNone(client.m3mta.other.find_one('mine'))

    def make(self, name):
        os.makedirs(f'{self.home}/{name}')
        return f'{self.home}/{name}'

    def test_taken_port(self):
        with socket.create_server(('127.0.0.1', self.ports['imap'])):
            text = self.tool('start', code=1)
        self.assertIn(str(self.ports['imap']), text)
        self.assertIn('taken', text)


if __name__ == '__main__':
    unittest.main()
