"""A road to mongod on which answers come late, or requests, or not at all:
a proxy that reads the wire protocol (OP_MSG) as far as a command's name."""
import contextlib
import copy
import json
import os
import re
import socket
import struct
import tempfile
import threading
import time

import bson
from bson.codec_options import CodecOptions

import harness

RAW = CodecOptions(uuid_representation=4)


def read_message(sock):
    """One message with its header, or None at the end."""
    data = b''
    while len(data) < 16:
        piece = sock.recv(16 - len(data))
        if not piece:
            return None
        data += piece
    size = struct.unpack_from('<i', data)[0]
    while len(data) < size:
        piece = sock.recv(min(size - len(data), 1 << 20))
        if not piece:
            return None
        data += piece
    return data


def document_of(message):
    """The command of an OP_MSG, or {}."""
    if struct.unpack_from('<i', message, 12)[0] != 2013:
        return {}
    at = 20
    while at < len(message) and message[at]:   # a sequence of documents
        at += 1 + struct.unpack_from('<i', message, at + 1)[0]
    if at >= len(message) - 5:
        return {}
    size = struct.unpack_from('<i', message, at + 1)[0]
    return bson.raw_bson.RawBSONDocument(message[at + 1:at + 1 + size])


def command_of(message):
    """(name, collection), or ('', None)."""
    for name, value in document_of(message).items():
        return name, value if isinstance(value, str) else None
    return '', None


WRITES = ('insert', 'update', 'delete', 'findAndModify')
HANDSHAKE = ('', 'hello', 'isMaster', 'ismaster', 'endSessions',
             'saslStart', 'saslContinue')


def error_reply(message, code):
    """As mongod fails it, with the labels that mongod puts on it."""
    doc = document_of(message)
    labels = []
    if code == 8000:
        pass                    # nobody tries it again
    elif 'autocommit' in doc and 'commitTransaction' not in doc:
        labels = ['TransientTransactionError']
    elif 'txnNumber' in doc:
        labels = ['RetryableWriteError']
    body = bson.encode({'ok': 0.0, 'errmsg': 'made up', 'code': code,
                        'codeName': 'Test', 'errorLabels': labels})
    return struct.pack('<iiiiIB', 21 + len(body), 1, struct.unpack_from(
        '<i', message, 4)[0], 2013, 0, 0) + body


class Rule:
    """What happens at the nth command of that name (a tuple: of those names;
    None: any) and collection, and at the next times - 1 such commands:
    'replies', 'requests': these and all others stand still for `seconds`;
    'lose': the server does it, the answer never comes, the connection ends;
    'drop': the same, but the server never hears of it;
    'error': the server does not do it, the answer is an error, `code`."""

    def __init__(self, what, name=None, collection=None, n=1, seconds=0,
                 times=1, code=11602):
        self.what = what
        self.names = (name,) if isinstance(name, str) else name
        self.code = code
        self.collection = collection
        self.left = n
        self.seconds = seconds
        self.times = times
        self.until = None
        self.seen = 0           # how often it was met
        self.at = None          # (name, collection) of the first

    def meets(self, name, collection):
        """Of each request, in order: is it one of those?"""
        if name in HANDSHAKE or (self.names and name not in self.names) or (
                self.collection and collection != self.collection):
            return False
        self.left -= 1
        if self.left > 0 or self.times <= 0:
            return False
        self.seen += 1
        self.at = self.at or (name, collection)
        if self.what not in ('replies', 'requests'):
            self.times -= 1
        elif self.until is None:
            self.until = time.monotonic() + self.seconds
        return True

    def wait(self, what):
        if self.what == what and self.until is not None:
            time.sleep(max(0, self.until - time.monotonic()))


CODES = (11602, 91, 189)


def rule_of(kind, n):
    """Of kind error, fatal (nobody tries it again), lose, drop, at the nth
    command."""
    if kind == 'fatal':
        return Rule('error', n=n, code=8000)
    return Rule(kind, n=n, code=CODES[n % len(CODES)])


class Proxy:
    """`with Proxy(uri) as p:` then p.uri; p.rule = Rule(...)."""

    def __init__(self, uri):
        found = re.search(r'(?:@|//)(127\.0\.0\.1|localhost):(\d+)', uri)
        self.target = (found.group(1), int(found.group(2)))
        self.server = socket.create_server(('127.0.0.1', 0), backlog=64)
        port = self.server.getsockname()[1]
        self.uri = uri.replace(':'.join(found.groups()), f'127.0.0.1:{port}')
        self.uri = re.sub(r'replicaSet=[^&]*', 'directConnection=true',
                          self.uri)
        self.rule = None
        self.lock = threading.Lock()
        self.commands = []      # [(name, collection)] as they came
        self.sockets = []
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.rule = None
        for s in [self.server] + self.sockets:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.server.accept()
                server = socket.create_connection(self.target)
                self.sockets += [client, server]
                lost = set()
                for there, back, to in ((client, server, self.requests),
                                        (server, client, self.replies)):
                    threading.Thread(target=self.run, daemon=True,
                                     args=(to, there, back, lost)).start()

    @staticmethod
    def run(to, there, back, lost):
        with contextlib.suppress(OSError):
            to(there, back, lost)
        with contextlib.suppress(OSError):
            back.shutdown(socket.SHUT_RDWR)

    def requests(self, client, server, lost):
        """A request that waits reaches the server though its sender went."""
        while True:
            message = read_message(client)
            if message is None:
                return
            name, collection = command_of(message)
            with self.lock:
                rule = self.rule
                self.commands.append((name, collection))
                met = rule.meets(name, collection) if rule else False
            if met and rule.what == 'drop':
                return
            if met and rule.what == 'error':
                client.sendall(error_reply(message, rule.code))
                continue
            if met and rule.what == 'lose':
                lost.add(struct.unpack_from('<i', message, 4)[0])
            if rule and name not in HANDSHAKE:
                rule.wait('requests')
            server.sendall(message)

    def replies(self, server, client, lost):
        while True:
            message = read_message(server)
            if message is None:
                return
            if struct.unpack_from('<i', message, 8)[0] in lost:
                return
            rule = self.rule
            if rule:
                rule.wait('replies')
            with contextlib.suppress(OSError):
                client.sendall(message)


def through(system, proxy):
    """The same system for programs that go through the proxy."""
    late = copy.copy(system)
    late.settings = json.loads(json.dumps(system.settings))
    late.settings['database']['uri'] = proxy.uri
    late.folder = tempfile.mkdtemp(dir=system.folder)
    late.write_config()
    late.folder = system.folder
    return late


class LateTest(harness.LiveTest):
    """Each test has a proxy of its own; `self.late` goes through it."""

    def setUp(self):
        super().setUp()
        self.proxy = Proxy(self.system.settings['database']['uri'])
        self.addCleanup(self.proxy.close)
        self.late = through(self.system, self.proxy)

    def late_dialog(self, program, *options, **how):
        dialog = harness.Dialog(self.late, program, *options, **how)
        self.addCleanup(dialog.close)
        return dialog
