import HTTPTransport
import NIOCore

/// Where a connection comes from, as far as it tells sources of failed attempts apart: an IPv4 address, or the /64 of an
/// IPv6 address, within which whoever has one address usually has all.
struct SourceAddress: Hashable, Sendable, CustomStringConvertible {
    private let bytes: [UInt8]

    /// Takes an address; `nil` for connections that have none, which count as one source.
    init(_ address: IPAddress?) {
        let bytes = address?.bytes ?? []
        self.bytes = bytes.count == 16 ? Array(bytes[..<8]) : bytes
    }

    /// Takes the other end of a connection.
    init(_ address: SocketAddress?) {
        // By offset: the names of the fields belong to a module of NIO's own. Behind family and port (4 bytes) comes an
        // IPv4 address, or 4 bytes about the flow and an IPv6 address.
        let bytes: [UInt8]? =
            switch address {
            case .v4(let address): withUnsafeBytes(of: address.address) { Array($0[4..<8]) }
            case .v6(let address): withUnsafeBytes(of: address.address) { Array($0[8..<24]) }
            case .unixDomainSocket, nil: nil
            }
        self.init(bytes.flatMap(IPAddress.init))
    }

    /// The address, for the log.
    var description: String {
        switch bytes.count {
        case 4: bytes.map(String.init).joined(separator: ".")
        case 8:
            stride(from: 0, to: 8, by: 2).map { index in
                String(UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1]), radix: 16)
            }.joined(separator: ":") + "::/64"
        default: "unknown"
        }
    }
}
