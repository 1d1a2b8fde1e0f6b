import Glibc

/// Ports of 127.0.0.1 for servers that cannot choose one themselves.
public enum LoopbackPort {
    /// A port that was free a moment ago.
    ///
    /// Servers that can listen on port 0 should do that instead.
    public static func free() throws -> Int {
        let socket = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw TestingError("no socket can be made: error \(errno)") }
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let failed = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(socket, pointer, size) != 0 || getsockname(socket, pointer, &size) != 0
            }
        }
        guard !failed else { throw TestingError("no port can be had: error \(errno)") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
