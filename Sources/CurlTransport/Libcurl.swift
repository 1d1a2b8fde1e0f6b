import CLibcurl
import Glibc
import HTTPTransport

/// What concerns libcurl as a whole.
enum Libcurl {
    private static let preparation: Result<Void, TransportError> = {
        let result = curl_global_init(Int(CURL_GLOBAL_DEFAULT))
        guard result == CURLE_OK else {
            return .failure(
                TransportError(.other, "libcurl does not start: \(String(cString: curl_easy_strerror(result)))"))
        }
        // The program may run with an older library than it was built with.
        guard ccurl_version() >= CCURL_LEAST_VERSION else {
            return .failure(TransportError(.other, "libcurl is older than 7.87.0; install a newer one"))
        }
        return .success(())
    }()

    /// Initialises libcurl once per process.
    static func prepare() throws(TransportError) { try preparation.get() }

    /// Where this libcurl looks for the system's certificate authorities.
    static let systemTrust: SystemTrust = {
        guard let easy = try? EasyHandle() else { return .none }
        defer { easy.free() }
        return SystemTrust(
            bundle: easy.string(CURLINFO_CAINFO).flatMap { access($0, R_OK) == 0 ? $0 : nil },
            directory: easy.string(CURLINFO_CAPATH).flatMap { holdsHashedCertificates($0) ? $0 : nil })
    }()
}

/// The system's certificate authorities, in the two forms that OpenSSL reads.
struct SystemTrust: Sendable, Equatable {
    /// One file with all of them, read as a whole.
    var bundle: String?
    /// A directory in which each is found by the hash of its name, read when needed.
    var directory: String?

    /// Neither was found, and no server will be trusted: libcurl's error says which file it misses.
    static let none = SystemTrust(bundle: nil, directory: nil)
}

/// The whole of a file; `nil` when it cannot be read.
func readFile(_ path: String) -> [UInt8]? {
    guard let file = fopen(path, "rb") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
    return ferror(file) == 0 ? bytes : nil
}

/// Whether a directory has at least one entry as `openssl rehash` makes them: eight hexadecimal digits, a dot, a number.
func holdsHashedCertificates(_ path: String) -> Bool {
    guard let directory = opendir(path) else { return false }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count == 2, parts[0].count == 8, parts[0].allSatisfy(\.isHexDigit), Int(parts[1]) != nil {
            return true
        }
    }
    return false
}
