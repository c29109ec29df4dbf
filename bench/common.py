"""What the benchmarks share: rows of the table, the load generator, a raw
IMAP session with a stopwatch, CPU and memory of processes."""
import json
import os
import re
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'live'))
BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else 'build')
os.environ['M3MTA_BUILD'] = BUILD


# What this project wants to reach on two cores (peers.md), by row.
GOALS = {
    'banner, EHLO, QUIT: CPU a connection, fork': '<= 450',
    'banner, EHLO, QUIT: CPU a connection, max_use=100': '<= 200',
    'the same with MAIL and RCPT (database), fork': '<= 1000',
    'accepted 4 KiB, 1 a connection, 1 at a time, fork': '>= 450',
    'accepted 4 KiB, 1 a connection, 8 at a time, fork': '>= 650',
    'accepted 4 KiB, 1 a connection, 32 at a time, fork': '>= 650',
    'accepted 4 KiB, 1 a connection, 1 at a time, max_use=100': '>= 800',
    'accepted 4 KiB, 1 a connection, 8 at a time, max_use=100': '>= 1200',
    'accepted 4 KiB, 1 a connection, 32 at a time, max_use=100': '>= 1300',
    'accepted 4 KiB, 10 a connection, 8 at a time, max_use=100': '>= 1800',
    'accepted 1 MiB, 4 at a time': '>= 150',
    '2,000 x 4 KiB to 50 mailboxes until visible': '>= 900',
    'from the 250 to visible in IMAP, median': '<= 20',
    'SELECT, 100000 messages': '<= 10',
    'FETCH 1:* FLAGS, 100000': '<= 60',
    'FETCH 1:* (UID FLAGS RFC822.SIZE), 10000': '<= 10',
    'FETCH 1:* (ENVELOPE BODYSTRUCTURE), 10000': '<= 100',
    'FETCH 1:* (BODY.PEEK[]), 10000': '<= 200',
    'SEARCH SUBJECT, 10000': '<= 30',
    'SEARCH BODY, 10000': '<= 300',
    'SEARCH UNSEEN, 10000': '<= 2',
    'STORE 1:10000 (+, -, + \\Seen), 10000': '<= 40',
    'memory (PSS) of an idle IMAP session': '<= 500',
    'memory (PSS) of an idle SMTP session': '<= 500',
    'login, SELECT, LOGOUT, 1 at a time, fork': '>= 400',
    'login, SELECT, LOGOUT, 8 at a time, fork': '>= 700',
    'login, SELECT, LOGOUT, 1 at a time, max_use=100': '>= 1100',
    'login, SELECT, LOGOUT, 8 at a time, max_use=100': '>= 2000',
    'APPEND 4 KiB, 1 at a time': '>= 700',
    'APPEND 4 KiB, 8 at a time': '>= 1500',
    'queue to smtp-sink, 2 workers': '>= 1500',
}


def row(what, value, unit, note=''):
    print(f'{what:57} {value:>8} {unit:6} {GOALS.get(what, ""):8} {note}',
          flush=True)


def row_of(widths, *words):
    """The words as a row of Markdown, in columns."""
    return '| ' + ' | '.join(f'{word:<{width}}' if i == 0 else
                             f'{word:>{width}}' for i, (width, word) in
                             enumerate(zip(widths, words))) + ' |'


def children_cpu(pid):
    """utime + stime with those of ended children, seconds."""
    with open(f'/proc/{pid}/stat') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf('SC_CLK_TCK')


def load(port, parallel, connections, script):
    path = os.path.join(BUILD, 'bench', 'script')
    with open(path, 'w') as f:
        f.write(script)
    done = subprocess.run(
        [os.path.join(BUILD, 'bench', 'load'), '127.0.0.1', str(port),
         str(parallel), str(connections), path],
        stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def rate(result):
    for key in ('per_second', 'rate', 'connections_per_second'):
        if key in result:
            return result[key]
    return result['connections'] / result['seconds']


class Raw:
    def __init__(self, port, user):
        self.sock = socket.create_connection(('127.0.0.1', port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile('rb', 1 << 20)
        self.file.readline()
        self.do(f'LOGIN {user} secret')

    def do(self, command):
        """Milliseconds up to the tagged OK."""
        start = time.monotonic()
        self.sock.sendall(b'a ' + (
            command if isinstance(command, bytes) else command.encode())
            + b'\r\n')
        while True:
            line = self.file.readline()
            if line.startswith(b'a '):
                if not line.startswith(b'a OK'):
                    raise RuntimeError(line)
                return (time.monotonic() - start) * 1000
            if line.endswith(b'}\r\n'):
                self.file.read(int(line[line.rindex(b'{') + 1:-3]))


def children(pid):
    """The processes whose parent it is."""
    found = []
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{name}/stat') as f:
                parent = f.read().rsplit(')', 1)[1].split()[1]
        except OSError:
            continue
        if int(parent) == pid:
            found.append(int(name))
    return found


def pss(pids):
    """Mean of their proportional set sizes, KiB."""
    total = 0
    for pid in pids:
        with open(f'/proc/{pid}/smaps_rollup') as f:
            total += int(re.search(r'Pss:\s+(\d+)', f.read()).group(1))
    return total / max(len(pids), 1)


def set_cheap_hash(system, address):
    """The default hash costs 20 ms by design and hides all else: one of
    crypt(5) that costs half of one. It is returned."""
    done = subprocess.run(['openssl', 'passwd', '-6', '-salt', 'rounds=1000$'
                           'bench', 'secret'], stdout=subprocess.PIPE,
                          check=True)
    secret = done.stdout.decode().strip()
    system.db.mailboxes.update_one(
        {'_id': address}, {'$set': {'password': secret}})
    return secret
