import Dispatch
import FoundationEssentials
import Glibc
import Synchronization

/// A plain TCP connection to the service under test, so that tests can say things that no HTTP library would.
///
/// Reading and writing block a thread of Dispatch, never one of the tasks that the service runs on.
final class Connection: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private let descriptor: Int32
    private let isClosed = Mutex(false)

    /// Connects to a port of this machine; reading and writing give up after 60 s: sooner than the service closes a
    /// connection because it is idle.
    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(description: "socket: \(errno)") }
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        // As bytes, because which module the fields belong to depends on what else is compiled along: family, port,
        // address, padding.
        var address = withUnsafeBytes(of: sa_family_t(AF_INET)) { Array($0) }
        address += [UInt8(port >> 8), UInt8(port & 255), 127, 0, 0, 1] + Array(repeating: 0, count: 8)
        let result = address.withUnsafeBytes { bytes in
            connect(descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        guard result == 0 else {
            let code = errno
            close()
            throw Failure(description: "connect: \(code)")
        }
    }

    deinit { close() }

    func close() {
        let first = isClosed.withLock { closed in
            defer { closed = true }
            return !closed
        }
        if first { Glibc.close(descriptor) }
    }

    /// Sends all bytes; a peer that has closed already is no error, because its answer may be there.
    func send(_ bytes: [UInt8]) async {
        await onThread { [descriptor] in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }
    }

    func send(_ text: String) async { await send(Array(text.utf8)) }

    /// Reads until the text has come, or the end.
    func read(until end: String) async throws -> String {
        let wanted = Array(end.utf8)
        return String(
            decoding: try await read { $0.suffix(wanted.count + 4096).firstRange(of: wanted) != nil }, as: UTF8.self)
    }

    /// Reads until the peer closes.
    func readAll() async throws -> [UInt8] { try await read { _ in false } }

    private func read(until isDone: @escaping @Sendable ([UInt8]) -> Bool) async throws -> [UInt8] {
        let outcome = await onThread { [descriptor] () -> Result<[UInt8], Failure> in
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while !isDone(bytes) {
                let count = recv(descriptor, &buffer, buffer.count, 0)
                if count == 0 || (count < 0 && errno == ECONNRESET) { break }
                guard count > 0 else { return .failure(Failure(description: "nothing more came: \(errno)")) }
                bytes += buffer[..<count]
            }
            return .success(bytes)
        }
        return try outcome.get()
    }

    private func onThread<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: work()) }
        }
    }
}

/// An answer as it came over the wire.
struct Reply: CustomStringConvertible {
    var status: Int
    var headers: [(name: String, value: String)]
    var body: [UInt8]
    /// Whether all of the body came that the head announced.
    var isComplete: Bool

    init(_ bytes: [UInt8]) throws {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else {
            throw Connection.Failure(description: "no answer but \(bytes.count) bytes")
        }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        status = Int(lines[0].split(separator: " ")[1]) ?? 0
        headers = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            return (parts[0].lowercased(), parts.count == 2 ? String(parts[1].drop { $0 == " " }) : "")
        }
        body = Array(bytes[end.upperBound...])
        isComplete = true
        if self["transfer-encoding"] == "chunked" {
            (body, isComplete) = Self.unchunked(body)
        } else if let length = self["content-length"].flatMap(Int.init) {
            isComplete = body.count == length
        }
    }

    subscript(name: String) -> String? { headers.first { $0.name == name }?.value }
    var text: String { String(decoding: body, as: UTF8.self) }
    var description: String { "\(status) \(headers) \(text)" }

    private static func unchunked(_ bytes: [UInt8]) -> (body: [UInt8], isComplete: Bool) {
        var (rest, body) = (bytes[...], [UInt8]())
        while let end = rest.firstRange(of: Array("\r\n".utf8)),
            let size = Int(String(decoding: rest[..<end.lowerBound], as: UTF8.self), radix: 16)
        {
            rest = rest[end.upperBound...]
            if size == 0 { return (body, true) }
            body += rest.prefix(size)
            rest = rest.dropFirst(size + 2)
        }
        return (body, false)
    }
}
