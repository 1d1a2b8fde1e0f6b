import FoundationEssentials

/// The files of this project as they are on disk.
enum Project {
    /// The directory with `Package.swift`.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The text of a file.
    /// - Parameter path: Relative to the root.
    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// The names of the directories right below a directory.
    static func directories(in path: String) throws -> [String] {
        let directory = root.appending(path: path)
        return try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { name in
            var isDirectory = false
            return FileManager.default.fileExists(
                atPath: directory.appending(path: name).path, isDirectory: &isDirectory) && isDirectory
        }.sorted()
    }

    /// The Swift files below a directory, relative to the root.
    static func swiftFiles(below path: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: path).path)
            .filter { $0.hasSuffix(".swift") }.sorted().map { "\(path)/\($0)" }
    }
}
