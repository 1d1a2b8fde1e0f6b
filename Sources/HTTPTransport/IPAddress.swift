/// The address of a host: IPv4 or IPv6.
public struct IPAddress: Sendable, Hashable {
    /// Four bytes or sixteen, in network order; an IPv4 address mapped into IPv6 is four.
    public let bytes: [UInt8]

    /// Takes the bytes of an address; `nil` unless there are four or sixteen.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        let isMapped = bytes.count == 16 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10...11] == [0xff, 0xff]
        self.bytes = isMapped ? Array(bytes[12...]) : bytes
    }
}
