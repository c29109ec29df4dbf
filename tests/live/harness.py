"""What the live tests share: a database of its own, a configuration, the
programs, servers on free ports, and their end by pid."""
import atexit
import contextlib
import glob
import imaplib
import json
import os
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import time
import unittest
import uuid

import pymongo

import mongo

BUILD = os.environ.get('M3MTA_BUILD', 'build')
# Killed processes leave files of the driver's there; see m3mta-smtp(8).
os.environ['MONGOC_DISABLE_SHM'] = '1'
URI = os.environ.get('M3MTA_TEST_URI', '')


def without_login(uri):
    """The programs' logins are in files (see System.make_logins)."""
    head, at, tail = uri.rpartition('@')
    return 'mongodb://' + tail if at else uri


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as s:
        return s.getsockname()[1]


def binary(name, fault=False, build=''):
    """build: '-san' has the sanitizers in it; fault: the fault points."""
    return os.path.join(BUILD + ('-fault' if fault else build), 'bin', name)


def setup_path(*words):
    """What tools/setup prints: the path of a thing that it fetched."""
    setup = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                         '..', '..', 'tools', 'setup')
    done = subprocess.run([setup, *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if done.returncode:
        raise AssertionError(f'tools/setup {" ".join(words)}: ' +
                             done.stderr.decode(errors='replace'))
    return done.stdout.decode().strip()


def unpacked(package):
    return setup_path('unpack', package)


def npm_folder():
    return setup_path('npm') + '/node_modules'


def is_listening(port):
    with open('/proc/net/tcp') as f:
        return any(line.split()[1].endswith(f':{port:04X}') and
                   line.split()[3] == '0A' for line in f.readlines()[1:])


def has_ended(pid):
    """It is gone, also while this looks, or nobody has waited for it."""
    try:
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rsplit(')', 1)[1].split()[0] == 'Z'
    except OSError:
        return True


def children(pid, name=None):
    """Processes whose parent this is; of that name alone."""
    found = []
    for child in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError), open(f'/proc/{child}/stat') as f:
            comm, rest = f.read().split('(', 1)[1].rsplit(')', 1)
            if int(rest.split()[1]) == pid and name in (None, comm):
                found.append(int(child))
    return found


def wait_for(condition, seconds=10, what='condition'):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f'{what}: not within {seconds} s')


class System:
    """A mail system: its database, files and processes. prefix: words
    before the programs of run() and Dialog, as valgrind's."""
    prefix = ()

    def __init__(self, build='', **settings):
        self.build = build
        self.name = 'test_' + uuid.uuid4().hex[:12]
        self.folder = tempfile.mkdtemp(prefix='m3t-')
        self.sanitizers = self.sanitizer_options() if build == '-san' else {}
        self.runtime_errors = 0
        self.processes = []
        atexit.register(self.stop_all)
        self.passwords = {}
        self.settings = {
            'database': {'uri': without_login(URI), 'name': self.name},
            'hostname': 'mx.example.org',
            'runtime': {'dir': self.folder},
            'smtp': {'auth': {'plain_no_tls': True}},
            'imap': {'auth': {'plain_no_tls': True}},
            'mda': {'loop': {'interval': '1s'}},
        }
        for key, value in settings.items():
            self.set(key.replace('__', '.'), value)
        self.write_config()
        self.client = pymongo.MongoClient(
            URI, uuidRepresentation='standard')
        self.db = self.client[self.name]
        if '@' in URI:
            self.make_logins()
        self.m3mta('init')

    def make_logins(self):
        """Each program has a user of its own, made by who may do all."""
        self.set('database.logins', self.folder + '/logins')
        self.write_config()
        path = self.folder + '/root.json'
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), 'w') as f:
            json.dump({'database': {'uri': URI, 'name': self.name}}, f)
        self.run([self.binary('m3mta'), '-c', path, 'init', '--roles',
                  '--logins=' + self.folder + '/logins'])

    def set(self, key, value):
        node = self.settings
        *path, last = key.split('.')
        for word in path:
            node = node.setdefault(word, {})
        node[last] = value

    def write_config(self):
        self.config = os.path.join(self.folder, 'm3mta.json')
        with open(self.config, 'w') as f:
            json.dump(self.settings, f, indent=1)

    def sanitizer_options(self):
        """Reports go to files, whatever standard error is."""
        to = f'log_path={self.folder}/report:print_stacktrace=1'
        return {name: ':'.join(filter(None, [os.environ.get(name), to]))
                for name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS')}

    def check_reports(self):
        for name in sorted(os.listdir(self.folder)):
            if name.startswith('report.'):
                path = os.path.join(self.folder, name)
                with open(path, errors='replace') as f:
                    text = f.read()
                os.rename(path, os.path.join(self.folder, 'seen-' + name))
                raise AssertionError('a sanitizer reports:\n' + text)
        # What UBSan of gcc says of a server goes to standard error.
        text = self.logs() if self.sanitizers else ''
        seen, word = self.runtime_errors, ': runtime error: '
        self.runtime_errors = text.count(word)
        if self.runtime_errors > seen:
            at = text.rindex(word)
            raise AssertionError(
                'a sanitizer reports:\n' + text[max(at - 80, 0):at + 2000])

    def stop_all(self):
        """At the latest at the interpreter's end: an interrupted test."""
        for process in self.processes:
            self.stop(process)
        atexit.unregister(self.stop_all)

    def close(self):
        self.stop_all()
        try:
            self.check_reports()
        finally:
            self.drop()

    def drop(self):
        if '@' in URI:
            self.db.command('dropAllUsersFromDatabase')
            self.db.command('dropAllRolesFromDatabase')
        self.client.drop_database(self.name)
        self.client.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- programs -----------------------------------------------------------

    def binary(self, name, fault=False):
        return binary(name, fault, self.build)

    def run(self, argv, data=None, code=0, env=None, timeout=120):
        done = subprocess.run(
            [*self.prefix, *argv], input=data, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=timeout,
            env=dict(os.environ, **self.sanitizers, **(env or {})))
        if code is not None and done.returncode != code:
            raise AssertionError(
                f'{argv}: exit {done.returncode}, not {code}\n'
                f'{done.stdout.decode(errors="replace")[-2000:]}\n'
                f'{done.stderr.decode(errors="replace")[-4000:]}')
        return done

    def m3mta(self, *words, code=0, data=None):
        done = self.run([self.binary('m3mta'), '-c', self.config, *words],
                        code=code, data=data)
        return done.stdout.decode()

    def m3mta_json(self, *words):
        done = self.run([self.binary('m3mta'), '-c', self.config, '--json',
                         *words], code=None)
        return json.loads(done.stdout)

    def mda(self, code=0, env=None, fault=False):
        return self.run([self.binary('m3mta-mda', fault), '-c', self.config],
                        code=code, env=env)

    def add_domain(self, name='example.org'):
        self.m3mta('domain', 'add', name)

    def add_mailbox(self, address, *options, password='secret'):
        self.m3mta('mailbox', 'add', address, '--password-file=-', *options,
                   data=password.encode() + b'\n')
        self.passwords[address] = password

    def verify(self):
        done = self.run([self.binary('m3mta'), '-c', self.config, 'verify'],
                        code=None)
        if done.returncode:
            raise AssertionError(done.stdout.decode() +
                                 done.stderr.decode())

    # --- servers ------------------------------------------------------------

    def start(self, argv, env=None):
        path = os.path.join(self.folder, f'log{len(self.processes)}')
        with open(path, 'wb') as log:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, **self.sanitizers, **(env or {})),
                start_new_session=True)
        self.processes.append(process)
        return process

    def logs(self):
        text = ''
        for i in range(len(self.processes)):
            with open(os.path.join(self.folder, f'log{i}'),
                      errors='replace') as f:
                text += f.read()
        return text

    def stop(self, process, how=signal.SIGTERM):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, how)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def serve(self, program, listener, form='fork', options=(), env=None,
              fault=False):
        """form: fork (listening socket passed in) or inetd (one process a
        connection). The port."""
        port = free_port()
        argv = ['systemd-socket-activate', '-l', f'127.0.0.1:{port}',
                f'--fdname={listener}']
        for key, value in (env or {}).items():
            argv += ['-E', f'{key}={value}']
        for key in ('ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS',
                    'MONGOC_DISABLE_SHM'):
            value = self.sanitizers.get(key, os.environ.get(key))
            if value:
                argv += ['-E', f'{key}={value}']
        if form == 'inetd':
            argv += ['--accept', '--inetd']
        self.start(argv + [os.path.abspath(self.binary(program, fault)), '-c',
                           self.config, *options])
        wait_for(lambda: is_listening(port), what=f'port {port}')
        return port

    is_listening = staticmethod(is_listening)

    def start_mda(self, env=None, fault=False):
        process = self.start([self.binary('m3mta-mda', fault), '-c', self.config,
                              '--loop'], env=env)
        wait_for(lambda: os.path.exists(self.folder + '/mda.sock'),
                 what='doorbell')
        return process

    # --- clients ------------------------------------------------------------

    def imap(self, port, address):
        client = imaplib.IMAP4('127.0.0.1', port, timeout=30)
        client.login(address, self.passwords[address])
        return client

    def send(self, port, sender, recipients, message):
        with smtplib.SMTP('127.0.0.1', port, timeout=60) as client:
            return client.sendmail(sender, recipients, message)


class Dialog:
    """One program on a pair of pipes or a socket, spoken to by hand."""

    def __init__(self, system, program, *options, port=None, env=None,
                 fault=False):
        self.process = None
        if port:
            self.sock = socket.create_connection(('127.0.0.1', port), 30)
        else:
            self.sock, other = socket.socketpair()
            self.process = subprocess.Popen(
                [*system.prefix, system.binary(program, fault), '-c',
                 system.config, *options],
                stdin=other, stdout=other, stderr=subprocess.DEVNULL,
                env=dict(os.environ, **system.sanitizers, **(env or {})))
            other.close()
        self.sock.settimeout(30)
        self.file = self.sock.makefile('rb')

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes)
                          else data.encode())

    def line(self):
        return self.file.readline()

    def reply(self):
        """An SMTP reply: its lines as text."""
        lines = []
        while True:
            line = self.line()
            if not line:
                return lines
            lines.append(line.decode('utf-8', 'replace').rstrip('\r\n'))
            if line[3:4] != b'-':
                return lines

    def smtp(self, command):
        """The last line of the reply to a command."""
        self.send(command if isinstance(command, bytes)
                  else command + '\r\n')
        lines = self.reply()
        return lines[-1] if lines else ''

    def until(self, tag):
        """IMAP: all up to the tagged answer, as octets."""
        text = b''
        while True:
            line = self.line()
            text += line
            if not line or line.startswith(tag.encode() + b' '):
                return text
            while line.endswith(b'}\r\n'):
                size = int(line[line.rindex(b'{') + 1:-3])
                text += self.file.read(size)
                line = self.line()
                text += line

    def imap(self, tag, command):
        self.send(f'{tag} {command}\r\n')
        return self.until(tag)

    def is_closed(self):
        return self.line() == b''

    def server_pid(self):
        """Of the process at the other end, also behind a listener."""
        if self.process:
            return self.process.pid
        port = self.sock.getsockname()[1]
        with open('/proc/net/tcp') as f:
            rows = [line.split() for line in f.readlines()[1:]]
        wanted = {f'socket:[{row[9]}]' for row in rows
                  if row[2].endswith(f':{port:04X}')}
        for fd in glob.glob('/proc/[0-9]*/fd/*'):
            with contextlib.suppress(OSError):
                if os.readlink(fd) in wanted:
                    return int(fd.split('/')[2])
        raise AssertionError('no process has the other end')

    def close(self):
        self.file.close()
        self.sock.close()
        if self.process:
            self.process.wait(30)
            return self.process.returncode
        return None


class LiveTest(unittest.TestCase):
    """One System for the class; `settings` configure it, build='-san' makes
    it one of programs with sanitizers in them."""
    settings = {}
    build = ''

    @classmethod
    def setUpClass(cls):
        cls.system = System(cls.build, **cls.settings)
        try:
            cls.prepare()
        except BaseException:
            cls.system.close()
            raise

    @classmethod
    def prepare(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        cls.system.close()

    def setUp(self):
        self.addCleanup(self.system.check_reports)

    def dialog(self, program, *options, **how):
        dialog = Dialog(self.system, program, *options, **how)
        self.addCleanup(dialog.close)
        return dialog


class OwnMongod:
    """Before a LiveTest among the bases: its class has a mongod of its own,
    self.server."""

    @classmethod
    def setUpClass(cls):
        global URI
        cls.server = mongo.ReplicaSet()
        cls.server.__enter__()
        shared, URI = URI, cls.server.uri
        try:
            super().setUpClass()
        except BaseException:
            cls.server.__exit__()
            raise
        finally:
            URI = shared

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            cls.server.__exit__()
