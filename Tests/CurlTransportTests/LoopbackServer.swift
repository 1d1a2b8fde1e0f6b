import Glibc
import HTTPTransport
import Synchronization

/// A server on 127.0.0.1 whose every byte, pause and reset is scripted by the test.
///
/// Each connection is served on a thread of its own with blocking calls, all of which end after a few seconds at most,
/// or when the server stops.
final class LoopbackServer: Sendable {
    private struct State {
        var open: [ObjectIdentifier: Connection] = [:]
        var accepted = 0
        var mostOpen = 0
        var requests: [ReceivedRequest] = []
        var isStopped = false
    }

    let port: Int
    private let listener: Int32
    private let state = Mutex(State())

    /// Listens on a free port of 127.0.0.1, unless told otherwise, and calls `serve` for each connection, which is closed
    /// when it returns.
    init(
        address: UInt32 = 0x7F00_0001, port: Int = 0, _ serve: @escaping @Sendable (Connection) throws -> Void
    ) throws {
        (listener, self.port) = try boundSocket(address, port)
        guard listen(listener, 1024) == 0 else { throw SocketError(call: "listen", code: errno) }
        onNewThread { [self] in
            // Closed here and nowhere else, lest the number name another server's socket by the time of a call.
            defer { close(listener) }
            while let connection = accept() {
                onNewThread { [self] in
                    try? serve(connection)
                    connection.close()
                    _ = state.withLock { $0.open.removeValue(forKey: ObjectIdentifier(connection)) }
                }
            }
        }
    }

    /// Connections made so far.
    var acceptedConnections: Int { state.withLock { $0.accepted } }
    /// The largest number of connections that were open at a time.
    var mostOpenConnections: Int { state.withLock { $0.mostOpen } }
    /// Connections that neither side has closed.
    var openConnections: Int { state.withLock { $0.open.count } }
    /// The requests read so far, of all connections.
    var requests: [ReceivedRequest] { state.withLock { $0.requests } }

    func url(_ path: String = "/") throws -> HTTPURL { try HTTPURL("http://127.0.0.1:\(port)\(path)") }

    /// Ends all connections and the threads that serve them.
    func stop() {
        let open = state.withLock { state in
            state.isStopped = true
            return Array(state.open.values)
        }
        shutdown(listener, Int32(SHUT_RDWR))
        for connection in open { connection.interrupt() }
    }

    fileprivate func record(_ request: ReceivedRequest) { state.withLock { $0.requests.append(request) } }

    private func accept() -> Connection? {
        let descriptor = Glibc.accept(listener, nil, nil)
        guard descriptor >= 0 else { return nil }
        let connection = Connection(descriptor, self)
        let isStopped = state.withLock { state in
            state.accepted += 1
            state.open[ObjectIdentifier(connection)] = connection
            state.mostOpen = max(state.mostOpen, state.open.count)
            return state.isStopped
        }
        if isStopped { connection.interrupt() }
        return connection
    }
}

/// Runs a test against a server and stops the server, whatever comes of the test.
@discardableResult
func withServer<Value>(
    _ serve: @escaping @Sendable (Connection) throws -> Void,
    run body: (LoopbackServer) async throws -> Value
) async throws -> Value {
    let server = try LoopbackServer(serve)
    defer { server.stop() }
    return try await body(server)
}

/// Runs a test with a port that refuses connections and that nobody else gets meanwhile.
func withUnansweredPort(_ body: (_ port: Int) async throws -> Void) async throws {
    let (descriptor, port) = try boundSocket()
    defer { close(descriptor) }
    try await body(port)
}

/// A socket that does not listen yet; port 0 is a free one.
private func boundSocket(_ host: UInt32 = 0x7F00_0001, _ port: Int = 0) throws -> (descriptor: Int32, port: Int) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = host.bigEndian
    address.sin_port = UInt16(port).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let failed = withUnsafeMutableBytes(of: &address) { bytes in
        let address = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress
        return bind(descriptor, address, length) != 0 || getsockname(descriptor, address, &length) != 0
    }
    guard !failed else { throw SocketError(call: "bind", code: errno) }
    return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
}

/// A request as it came over the wire.
struct ReceivedRequest: Sendable {
    let line: String
    let fields: [(name: String, value: String)]
    let body: [UInt8]

    subscript(_ name: String) -> String? {
        fields.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// One accepted connection; all calls block.
final class Connection: Sendable {
    private struct State {
        var descriptor: Int32?
        var unread: [UInt8] = []
    }

    private let server: LoopbackServer
    let descriptor: Int32
    private let state: Mutex<State>

    fileprivate init(_ descriptor: Int32, _ server: LoopbackServer) {
        self.descriptor = descriptor
        self.server = server
        state = Mutex(State(descriptor: descriptor))
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    }

    /// The next request; `nil` when the client closed the connection.
    func readRequest() -> ReceivedRequest? {
        var bytes: [UInt8] = state.withLock { $0.unread }
        while bytes.firstRange(of: Array("\r\n\r\n".utf8)) == nil {
            guard let more = receive() else { return nil }
            bytes += more
        }
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let fields = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return (name: String(parts[0]), value: parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "")
        }
        let length = fields.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
        while bytes.count < end.upperBound + length {
            guard let more = receive() else { return nil }
            bytes += more
        }
        let request = ReceivedRequest(
            line: String(lines.first ?? ""), fields: fields,
            body: Array(bytes[end.upperBound..<end.upperBound + length]))
        state.withLock { $0.unread = Array(bytes[(end.upperBound + length)...]) }
        server.record(request)
        return request
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { throw SocketError(call: "send", code: errno) }
            rest = rest.dropFirst(sent)
        }
    }

    /// A whole answer with its length.
    func answer(_ status: Int = 200, _ body: String = "ok", fields: String = "") throws {
        try send("HTTP/1.1 \(status) X\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    /// Waits until the client has closed or reset the connection; `false` when it did not within a minute.
    @discardableResult
    func waitForEnd() -> Bool {
        while true {
            var byte: UInt8 = 0
            let count = recv(descriptor, &byte, 1, 0)
            if count == 0 { return true }
            if count < 0 { return errno != EAGAIN }
        }
    }

    /// Waits for the beginning of a request.
    func waitForFirstByte() {
        var byte: UInt8 = 0
        _ = recv(descriptor, &byte, 1, Int32(MSG_PEEK))
    }

    /// Sleeps on the thread of this connection.
    func wait(_ milliseconds: UInt32) { usleep(milliseconds * 1000) }

    /// Waits for something that the test does, for a minute at most.
    func wait(until condition: () -> Bool) {
        for _ in 0..<60_000 {
            if condition() { return }
            wait(1)
        }
    }

    /// Makes the following close send a reset instead of an orderly end.
    func resetOnClose() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    fileprivate func close() {
        state.withLock { state in
            if let descriptor = state.descriptor { Glibc.close(descriptor) }
            state.descriptor = nil
        }
    }

    /// Ends the calls that block on another thread.
    fileprivate func interrupt() {
        state.withLock { state in
            if let descriptor = state.descriptor { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    private func receive() -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        return count > 0 ? Array(chunk[..<count]) : nil
    }
}

struct SocketError: Error {
    let call: String
    let code: Int32
}

private final class ThreadBody {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Runs what blocks on a thread of its own, so that it holds up no other test.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        onNewThread { continuation.resume(with: Result { try body() }) }
    }
}

private func onNewThread(_ body: @escaping @Sendable () -> Void) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, 256 * 1024)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let context = Unmanaged.passRetained(ThreadBody(body)).toOpaque()
    let result = pthread_create(
        &thread, &attributes,
        { context in
            if let context { Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run() }
            return nil
        }, context)
    pthread_attr_destroy(&attributes)
    if result != 0 { Unmanaged<ThreadBody>.fromOpaque(context).release() }
}
