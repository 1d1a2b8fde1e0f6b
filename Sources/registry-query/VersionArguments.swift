public import ArgumentParser
import Builds
public import SemanticVersions
import SystemPackage

/// How a version is chosen on the command line.
struct VersionArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Which part of the version goes up; default patch.", valueName: "bump"))
    var bump: Bump?

    @Option(help: ArgumentHelp("First identifier of a prerelease; default rc, as in v1.2.0-rc.1.", valueName: "id"))
    var prereleaseId: String?

    @Option(help: ArgumentHelp("Stay within a range such as '^1.2', '1.x' or '>=1 <2'.", valueName: "range"))
    var range: VersionRange?

    @Option(
        help: ArgumentHelp(
            "Let Conventional Commits decide: a file with commit messages separated by NUL, or - for standard input, as "
                + "`git log -z --format=%B` prints them.", valueName: "file"), completion: .file())
    var commitsFrom: String?

    /// The choice as the service knows it.
    func selection() throws -> BuildRequest.Selection {
        if prereleaseId != nil, bump != .prerelease {
            throw InvalidInput(field: "--prerelease-id", "goes with --bump prerelease only")
        }
        guard let commitsFrom else {
            return .bump(bump ?? .patch, prereleaseIdentifier: prereleaseId, range: range)
        }
        return .commits(try Self.messages(from: commitsFrom), bump: bump, range: range)
    }

    /// The most bytes of commit messages that are read; more than the service takes.
    private static let longestInput = 8 << 20

    private static func messages(from file: String) throws(InvalidInput) -> [String] {
        do {
            let input = file == "-" ? FileDescriptor.standardInput : try FileDescriptor.open(file, .readOnly)
            let bytes = try input.readToEnd(atMost: longestInput)
            return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        } catch {
            throw InvalidInput(field: "--commits-from", "\(file) cannot be read: \(error)")
        }
    }
}

extension FileDescriptor {
    /// Reads what is left, of a pipe as well as of a file.
    fileprivate func readToEnd(atMost limit: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let piece = try [UInt8](unsafeUninitializedCapacity: 64 * 1024) { buffer, count in
                count = try read(into: UnsafeMutableRawBufferPointer(buffer))
            }
            if piece.isEmpty { return bytes }
            bytes += piece
            guard bytes.count <= limit else { throw Errno.fileTooLarge }
        }
    }
}

extension Bump: ExpressibleByArgument {}

extension VersionRange: ExpressibleByArgument {
    /// A range, or `nil` for what is none.
    public init?(argument: String) {
        try? self.init(parsing: argument)
    }
}
