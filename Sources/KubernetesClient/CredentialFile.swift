internal import SystemPackage

/// Reads a whole small file.
/// - Throws: ``ClusterConfigurationError`` that names the file and says why it cannot be read, or that it is too long.
func contents(ofFile path: String, limit: Int) throws(ClusterConfigurationError) -> [UInt8] {
    do {
        let file = try FileDescriptor.open(FilePath(path), .readOnly)
        return try file.closeAfter {
            var bytes: [UInt8] = []
            while true {
                let chunk = try [UInt8](unsafeUninitializedCapacity: 16 * 1024) { buffer, count in
                    count = try file.read(into: UnsafeMutableRawBufferPointer(buffer))
                }
                if chunk.isEmpty { return bytes }
                bytes += chunk
                guard bytes.count <= limit else {
                    throw ClusterConfigurationError("the file \(path) is longer than \(limit) bytes")
                }
            }
        }
    } catch let error as ClusterConfigurationError {
        throw error
    } catch {
        throw ClusterConfigurationError("the file \(path) cannot be read: \(error)")
    }
}

/// Whether there is something at this path, readable or not.
func fileExists(_ path: String) -> Bool {
    do {
        try FileDescriptor.open(FilePath(path), .readOnly).close()
        return true
    } catch {
        return (error as? Errno) != .noSuchFileOrDirectory && (error as? Errno) != .notDirectory
    }
}
