"""A TCP server that answers like a small HTTP server and writes every byte that it receives to a file: recorder.py PORT FILE"""
import socket
import sys
import threading

port, path = int(sys.argv[1]), sys.argv[2]
lock = threading.Lock()
open(path, "wb").close()


def serve(connection):
    with connection:
        while True:
            data = connection.recv(65536)
            if not data:
                return
            with lock, open(path, "ab") as record:
                record.write(data)
            if data.endswith(b"\r\n\r\n"):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


server = socket.create_server(("0.0.0.0", port), backlog=64)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
