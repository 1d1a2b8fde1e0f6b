internal import Glibc

/// The address of a host: IPv4 or IPv6.
public struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    /// Four bytes or sixteen, in network order; an IPv4 address mapped into IPv6 is four.
    public let bytes: [UInt8]

    /// Takes the bytes of an address; `nil` unless there are four or sixteen.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        let isMapped = bytes.count == 16 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10...11] == [0xff, 0xff]
        self.bytes = isMapped ? Array(bytes[12...]) : bytes
    }

    /// Reads four decimal numbers with dots, or an IPv6 address without brackets and zone; `nil` for anything else.
    ///
    /// Spec: POSIX.1-2017 inet_pton.
    public init?(_ text: String) {
        // To a C function the text would end there.
        guard !text.utf8.contains(0) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 {
            self.init(bytes: Array(bytes[..<4]))
        } else if inet_pton(AF_INET6, text, &bytes) == 1 {
            self.init(bytes: bytes)
        } else {
            return nil
        }
    }

    /// `192.0.2.1` or `2001:db8::1`.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        _ = inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
