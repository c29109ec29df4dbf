"""An IMAP server whose sessions die: each connection gets an m3mta-imap of
its own behind a relay that counts the octets, and is killed with SIGKILL
when as many have passed as chance says."""
import re
import socket
import subprocess
import threading

from harness import binary


class Session:
    """One connection: client <-> relay <-> m3mta-imap on a socket pair."""

    def __init__(self, server, client, budget):
        self.server = server
        self.client = client
        self.budget = budget
        self.lock = threading.Lock()
        self.sock, other = socket.socketpair()
        self.process = subprocess.Popen(
            [binary('m3mta-imap'), '-c', server.system.config],
            stdin=other, stdout=other, stderr=subprocess.DEVNULL)
        other.close()
        self.killed = False
        self.begun = set()
        self.answered = set()
        self.tails = {True: b'\r\n', False: b'\r\n'}
        self.threads = [
            threading.Thread(target=self.pump, args=pair, daemon=True)
            for pair in ((self.client, self.sock), (self.sock, self.client))]
        for thread in self.threads:
            thread.start()

    def pump(self, source, target):
        try:
            while True:
                data = source.recv(self.part())
                if not data:
                    break
                target.sendall(data)
                self.spend(data, source is self.client)
        except OSError:
            pass
        # What a dying server still said has been passed on by now.
        for sock in (target, source):
            try:
                sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        self.process.wait()

    def part(self):
        """Not over the point of death in one gulp."""
        if self.budget is None:
            return 65536
        return max(1, min(65536, self.budget))

    def spend(self, data, from_client):
        with self.lock:
            self.note(data, from_client)
            if self.budget is None or self.killed:
                return
            self.budget -= len(data)
            if self.budget <= 0:
                self.killed = True
                self.server.killed += 1
                self.server.kills -= 1
                self.process.kill()

    def note(self, data, from_client):
        """Which APPENDs were begun, and which commands answered."""
        text = self.tails[from_client] + data
        self.tails[from_client] = text[text.rfind(b'\r\n'):][:100]
        if from_client:
            self.begun.update(re.findall(rb'\r\n(\w+) APPEND ', text))
        else:
            self.answered.update(
                re.findall(rb'\r\n(\w+) (?:OK|NO|BAD) ', text))

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        for thread in self.threads:
            thread.join(30)
        self.sock.close()
        self.client.close()


class MortalServer:
    """`port`; `kills` more sessions shall die, each after 1 to `reach`
    octets (the near ones are likelier) if it lives so long."""

    def __init__(self, system, chance):
        self.system = system
        self.chance = chance
        self.killed = 0
        self.kills = 0
        self.reach = 1
        self.sessions = []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            budget = None
            if self.kills > 0:
                budget = 1 + int(self.reach * self.chance.random() ** 2)
            self.sessions.append(Session(self, client, budget))

    def unanswered(self):
        """APPENDs that may be done, which their client cannot know."""
        return sum(len(s.begun - s.answered)
                   for s in self.sessions if s.killed)

    def is_deserted(self):
        """All sessions of now are over, the last one by SIGKILL."""
        return bool(self.sessions) and self.sessions[-1].killed and all(
            s.process.poll() is not None for s in self.sessions)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(30)
        for session in self.sessions:
            session.end()
