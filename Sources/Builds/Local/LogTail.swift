internal import HTTPTransport
internal import SystemPackage

/// The end of a log, for the sentence that says why a build failed.
struct LogTail {
    /// The last lines with text in them, without escape sequences.
    let lines: [String]

    init(lines: [String]) {
        self.lines = lines
    }

    /// Reads at most the last 4 KiB from `start` on.
    init(of path: FilePath, from start: Int64) {
        guard let file = try? FileDescriptor.open(path, .readOnly, options: [.closeOnExec]) else {
            lines = []
            return
        }
        defer { try? file.close() }
        let end = (try? file.seek(offset: 0, from: .end)) ?? 0
        let offset = max(start, end - 4096)
        let bytes = try? [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = try file.read(fromAbsoluteOffset: offset, into: UnsafeMutableRawBufferPointer(buffer))
        }
        lines = Self.lines(in: bytes ?? [])
    }

    static func lines(in bytes: [UInt8]) -> [String] {
        String(decoding: bytes, as: UTF8.self)
            .withoutEscapeSequences
            .split(whereSeparator: \.isNewline)
            .map { $0.trimmingPrefix { $0.isWhitespace } }
            .filter { !$0.isEmpty && !$0.hasPrefix("== ") }
            .map(String.init)
    }

    /// Which step failed, how, and the last lines that matter.
    func sentence(program: String, step: String, ending: CommandRunner.Ending) -> String {
        let how =
            switch ending {
            case .exited(let code): "with exit code \(code)"
            case .killed(let signal): "by signal \(signal)"
            }
        let said = lines.suffix(3).joined(separator: " | ")
        var sentence = "\(program) \(step) failed \(how)"
        if !said.isEmpty { sentence += ": \(redacted(said, limit: 500))" }
        let lowered = said.lowercased()
        if lowered.contains("401") || lowered.contains("unauthorized") || lowered.contains("authentication required") {
            sentence += " (check the registry's credentials in DOCKER_CONFIG)"
        } else if program == "git", step == "read-tree" {
            sentence += " (check git.subdirectory: it must be a directory of the repository)"
        } else if program == "git" {
            sentence += " (check git.url, git.ref and git.commit)"
        }
        return sentence
    }
}
