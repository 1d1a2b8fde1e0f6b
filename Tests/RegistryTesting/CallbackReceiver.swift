import Glibc
import Synchronization

/// A server on loopback that keeps what it was sent, byte for byte, and answers as the test says.
///
/// Each connection is served on a thread of its own and carries one call.
public final class CallbackReceiver: Sendable {
    /// A call as it came over the wire.
    public struct Call: Sendable {
        /// The request line.
        public let line: String
        /// The fields in their order.
        public let fields: [(name: String, value: String)]
        /// The body.
        public let body: [UInt8]

        /// The value of the first field of a name, in whatever case.
        public subscript(_ name: String) -> String? {
            fields.first { $0.name.lowercased() == name.lowercased() }?.value
        }

        /// What `webhook-id` says.
        public var id: String { self["webhook-id"] ?? "" }
        /// The body as text.
        public var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// What is answered.
    public enum Answer: Sendable {
        /// A whole answer; each of the fields ends in a line break.
        case status(Int, fields: String = "", body: String = "")
        /// These bytes, and then nothing until the caller goes.
        case bytes(String)
        /// The connection ends without an answer.
        case nothing
    }

    /// What each call is answered, by its number from 1.
    public struct Script: Sendable {
        let answer: @Sendable (_ number: Int, Call) -> Answer

        /// Decides by the number of the call, from 1, and what was sent.
        public init(_ answer: @escaping @Sendable (_ number: Int, Call) -> Answer) { self.answer = answer }

        /// 200 to every call.
        public static let accepts = Script { _, _ in .status(200) }
    }

    private struct State {
        var calls: [Call] = []
        var open: Set<Int32> = []
        var mostOpen = 0
        var isStopped = false
    }

    /// The address it listens on.
    public let host: String
    /// The port it listens on.
    public let port: Int
    private let listener: Int32
    private let state = Mutex(State())
    private let script: Script

    /// Listens on a port; on a free one unless told.
    /// - Parameter host: A loopback address; another one where this is the API server's, which is never called back.
    public init(host: String = "127.0.0.1", port asked: Int = 0, _ script: Script = .accepts) throws {
        self.script = script
        self.host = host
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        inet_pton(AF_INET, host, &address.sin_addr)
        address.sin_port = UInt16(asked).bigEndian
        var reuses: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &reuses, socklen_t(MemoryLayout<Int32>.size))
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let failed = withUnsafeMutableBytes(of: &address) { bytes in
            let address = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress
            return bind(descriptor, address, length) != 0 || getsockname(descriptor, address, &length) != 0
                || listen(descriptor, 64) != 0
        }
        guard !failed else { throw TestingError("nothing can listen on port \(asked): error \(errno)") }
        port = Int(UInt16(bigEndian: address.sin_port))
        onNewThread { [self] in
            // Closed here and nowhere else, lest the number name another socket by the time of a call.
            defer { close(listener) }
            while true {
                let connection = Glibc.accept(listener, nil, nil)
                guard connection >= 0 else { return }
                // Programs that are started meanwhile must not keep it open.
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                let isStopped = state.withLock { state in
                    state.open.insert(connection)
                    state.mostOpen = max(state.mostOpen, state.open.count)
                    return state.isStopped
                }
                if isStopped { shutdown(connection, Int32(SHUT_RDWR)) }
                onNewThread { [self] in serve(connection) }
            }
        }
    }

    /// Runs a test with a receiver that ends with it.
    public static func run<Value>(
        host: String = "127.0.0.1", _ script: Script = .accepts,
        _ body: (CallbackReceiver) async throws -> Value
    ) async throws -> Value {
        let receiver = try CallbackReceiver(host: host, script)
        defer { receiver.stop() }
        return try await body(receiver)
    }

    /// The calls so far.
    public var calls: [Call] { state.withLock { $0.calls } }
    /// The largest number of connections that were open at a time.
    public var mostOpen: Int { state.withLock { $0.mostOpen } }

    /// A URL that leads here.
    public func url(_ path: String = "/") -> String { "http://\(host):\(port)\(path)" }

    /// Ends all connections, and refuses new ones.
    ///
    /// Once: by the time of a second call, and outside of the lock, the numbers may name other sockets.
    public func stop() {
        state.withLock { state in
            guard !state.isStopped else { return }
            state.isStopped = true
            shutdown(listener, Int32(SHUT_RDWR))
            for connection in state.open { shutdown(connection, Int32(SHUT_RDWR)) }
        }
    }

    private func serve(_ connection: Int32) {
        if let call = read(connection) {
            let number = state.withLock { state in
                state.calls.append(call)
                return state.calls.count
            }
            switch script.answer(number, call) {
            case .status(let status, let fields, let body):
                send(
                    "HTTP/1.1 \(status) X\r\n\(fields)Connection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)",
                    to: connection)
            case .bytes(let text):
                send(text, to: connection)
                var byte: UInt8 = 0
                while recv(connection, &byte, 1, 0) > 0 {}
            case .nothing: break
            }
        }
        state.withLock { state in
            state.open.remove(connection)
            close(connection)
        }
    }

    private func send(_ text: String, to connection: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { return }
            rest = rest.dropFirst(sent)
        }
    }

    private func read(_ connection: Int32) -> Call? {
        var bytes: [UInt8] = []
        func more() -> Bool {
            var chunk = [UInt8](repeating: 0, count: 16 * 1024)
            let count = recv(connection, &chunk, chunk.count, 0)
            if count > 0 { bytes += chunk[..<count] }
            return count > 0
        }
        let separator = Array("\r\n\r\n".utf8)
        while bytes.firstRange(of: separator) == nil { guard more() else { return nil } }
        guard let end = bytes.firstRange(of: separator) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let fields = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return (name: String(parts[0]), value: parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "")
        }
        let length = fields.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
        while bytes.count < end.upperBound + length { guard more() else { return nil } }
        return Call(line: String(lines.first ?? ""), fields: fields, body: Array(bytes[end.upperBound...]))
    }
}

private final class ThreadBody {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Runs what blocks on a thread of its own.
private func onNewThread(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let context = Unmanaged.passRetained(ThreadBody(body)).toOpaque()
    let result = pthread_create(
        &thread, nil,
        { context in
            if let context { Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run() }
            return nil
        }, context)
    if result == 0 {
        pthread_detach(thread)
    } else {
        Unmanaged<ThreadBody>.fromOpaque(context).release()
    }
}
