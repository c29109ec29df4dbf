"""A mail system that misbehaves by a script: for faults that no real one
makes on demand."""
import socket
import threading
import time

STAGES = ('connect', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'end')


class FakeMta:
    """script: {stage: action}; an action is a reply, one of hang, silent,
    close, garbage, endless, long, or a function of the envelope's size that
    gives one. delays: {stage: seconds before its reply}. rate: octets of
    data read in a second. Counts sessions, keeps what was accepted."""

    def __init__(self, script=None, extensions=(), delay=0, delays=None,
                 rate=0, listener=None):
        self.delays = delays or {}
        self.rate = rate
        self.script = script or {}
        self.extensions = extensions
        self.delay = delay
        self.commands = []
        self.messages = []
        self.sessions = 0
        self.at_once = 0
        self.most_at_once = 0
        self.lock = threading.Lock()
        self.listener = listener or socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.session, args=(sock,),
                             daemon=True).start()

    def session(self, sock):
        with self.lock:
            self.sessions += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.talk(sock, sock.makefile('rb'))
        except OSError:
            pass
        finally:
            with self.lock:
                self.at_once -= 1
            sock.close()

    def act(self, sock, stage, good):
        """False: the session is over."""
        action = self.script.get(stage, good)
        time.sleep(self.delays.get(stage, 0))
        if action == 'silent':
            sock.settimeout(600)
            while sock.recv(4096):
                pass
            return False
        if action == 'hang':
            time.sleep(6)
            return False
        if action == 'close':
            return False
        if action == 'garbage':
            sock.sendall(b'\x00\xff\x01 what?\r\n')
        elif action == 'endless':
            for _ in range(20000):
                sock.sendall(b'250-more\r\n')
            return False
        elif action == 'long':
            sock.sendall(b'2' * 100000 + b'\r\n')
        else:
            sock.sendall(action.encode() + b'\r\n')
        return not action.startswith('421')

    def talk(self, sock, file):
        time.sleep(self.delay)
        if not self.act(sock, 'connect', '220 fake ESMTP'):
            return
        envelope = []
        while True:
            line = file.readline()
            if not line:
                return
            verb = line[:4].upper().decode('latin-1')
            if line.startswith(b'\x16\x03'):  # a TLS handshake
                self.act(sock, 'tls', '500 what')
                return
            self.commands.append(line.decode('utf-8', 'replace').strip())
            good = '250 2.0.0 ok'
            if verb == 'EHLO':
                good = '\r\n'.join(['250-fake'] + [
                    '250-' + x for x in self.extensions] + ['250 HELP'])
            elif verb == 'QUIT':
                sock.sendall(b'221 bye\r\n')
                return
            elif verb == 'DATA':
                good = '354 go'
            elif verb == 'MAIL':
                envelope = []
            stage = verb
            if verb == 'HELO' and 'HELO' not in self.script:
                stage = 'EHLO'
            if verb == 'RCPT':
                action = self.script.get('RCPT', good)
                if callable(action):
                    action = good = action(len(envelope))
                    if action.startswith('250'):
                        envelope.append(line)
                    time.sleep(self.delays.get('RCPT', 0))
                    sock.sendall(action.encode() + b'\r\n')
                    continue
                if action.startswith('250'):
                    envelope.append(line)
            if not self.act(sock, stage, good):
                return
            if verb == 'DATA' and self.script.get(
                    'DATA', good).startswith('354'):
                body = b''
                while not (line := file.readline()) == b'.\r\n':
                    if not line:
                        return
                    body += line
                    if self.rate:
                        time.sleep(len(line) / self.rate)
                if not self.act(sock, 'end', good.replace('354 go',
                                                          '250 2.0.0 ok')):
                    return
                if envelope and self.script.get(
                        'end', '250').startswith('250'):
                    self.messages.append((envelope, body))
