import Builds
import FoundationEssentials
import Logging
import Testing

@testable import RegistryQueryAPI

/// A directory that goes away with the test.
final class ScratchDirectory {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("api-tests-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String = "tokens") throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }
}

struct TokenTests {
    static let good = "n8n:read,build:n8n-0123456789abcdef\nviewer:read:viewer-0123456789abcdef\n"

    private func tokens(_ text: String) throws -> TokenFile { try TokenFile(Array(text.utf8), path: "/etc/tokens") }

    @Test("reads names, scopes and tokens, and nothing else")
    func reads() throws {
        let text = """
            # who may call
            \t
            n8n:read,build:n8n:0123456789abcdef:x
              viewer : read : viewer-0123456789abcdef
            n8n:build:second-0123456789abcdef\r
            """
        #expect(throws: TokenFileError.self, "a name ends with its last character") { try tokens(text) }
        let file = try tokens(text.replacing("viewer : read : ", with: "viewer: read :"))
        #expect(
            file.caller(presenting: Array("n8n:0123456789abcdef:x".utf8))
                == Caller(name: "n8n", scopes: [.read, .build]))
        #expect(
            file.caller(presenting: Array("viewer-0123456789abcdef".utf8)) == Caller(name: "viewer", scopes: [.read]))
        #expect(file.caller(presenting: Array("second-0123456789abcdef".utf8)) == Caller(name: "n8n", scopes: [.build]))
        for wrong in ["", "n8n", "viewer-0123456789abcde", "viewer-0123456789abcdef ", "VIEWER-0123456789ABCDEF"] {
            #expect(file.caller(presenting: Array(wrong.utf8)) == nil)
        }
    }

    @Test(
        "refuses a bad line by number and without its content",
        arguments: [
            "viewer:read", "viewer:SECRET-0123456789abcdef:read", "viewer::SECRET-0123456789abcdef",
            ":read:SECRET-0123456789abcdef",
            "view er:read:SECRET-0123456789abcdef", "viewer:read:SECRETshort", "viewer:read:SECRET 0123456789abcdef",
            "viewer:read,:SECRET-0123456789abcdef", "viewer:write:SECRET-0123456789abcdef",
            "viewer:read:SECRET-\u{e9}-0123456789abcdef",
            "other:read:n8n-0123456789abcdef", "\(String(repeating: "x", count: 64)):read:SECRET-0123456789abcdef",
        ])
    func refuses(line: String) throws {
        let error = try #require(throws: TokenFileError.self) {
            try tokens("# comment\nn8n:read:n8n-0123456789abcdef\n\(line)\n")
        }
        #expect(error.description.hasPrefix("API_TOKENS_FILE /etc/tokens, line 3: "))
        for secret in ["SECRET", "0123456789abcdef", "viewer:"] { #expect(!error.description.contains(secret)) }
    }

    @Test("refuses a file without a token, or that is no text", arguments: ["", "# nothing\n"])
    func refusesEmpty(text: String) {
        #expect(throws: TokenFileError.self) { try tokens(text) }
        #expect(throws: TokenFileError.self) { try TokenFile([0x61, 0xff], path: "/etc/tokens") }
    }

    @Test("a file that is missing, no file, or too large stops the start by name")
    func refusesUnreadable() throws {
        let directory = try ScratchDirectory()
        try directory.write(String(repeating: "#\n", count: SmallFile.largest / 2 + 1), to: "large")
        for name in ["missing", "", "large"] {
            let error = try #require(throws: TokenFileError.self) {
                try TokenStore(path: "\(directory.path)/\(name)", logger: Logger(label: "test") { _ in LogCollector() })
            }
            #expect(error.description.hasPrefix("API_TOKENS_FILE \(directory.path)/\(name): cannot be read: "))
        }
    }

    @Test("a changed file counts after a second, a bad one leaves the old tokens in force and is reported once")
    func rereads() throws {
        let (directory, clock, log) = (try ScratchDirectory(), StillClock(), LogCollector())
        try directory.write(Self.good)
        let store = try TokenStore(
            path: "\(directory.path)/tokens", logger: Logger(label: "test") { _ in log }, clock: clock)
        func knows(_ token: String) -> Bool { store.caller(presenting: token.utf8) != nil }
        #expect(knows("viewer-0123456789abcdef") && !knows("rotated-0123456789abcdef"))

        try directory.write("viewer:read:rotated-0123456789abcdef\n")
        #expect(!knows("rotated-0123456789abcdef"), "looked at again too soon")
        clock.advance(by: .seconds(1))
        #expect(knows("rotated-0123456789abcdef") && !knows("viewer-0123456789abcdef"))

        for bad in ["viewer:read:LEAKED", "", "viewer:read:LEAKED"] {
            try directory.write(bad)
            for _ in 0..<3 {
                clock.advance(by: .seconds(2))
                #expect(knows("rotated-0123456789abcdef"))
            }
        }
        try FileManager.default.removeItem(atPath: "\(directory.path)/tokens")
        clock.advance(by: .seconds(2))
        #expect(knows("rotated-0123456789abcdef"))
        #expect(log.entries.count { $0.level == .error } == 4, "\(log.entries)")
        #expect(!log.text.contains("LEAKED") && !log.text.contains("0123456789abcdef"))

        try directory.write(Self.good)
        clock.advance(by: .seconds(2))
        #expect(knows("viewer-0123456789abcdef") && !knows("rotated-0123456789abcdef"))
    }

    @Test("a rotated Secret counts: the file behind the path is another, of the same age")
    func followsSymbolicLinks() throws {
        let (directory, clock) = (try ScratchDirectory(), StillClock())
        for (name, token) in [("..1", "first-"), ("..2", "second")] {
            try FileManager.default.createDirectory(
                atPath: "\(directory.path)/\(name)", withIntermediateDirectories: true)
            try directory.write("n8n:read:\(token)-0123456789abcdef", to: "\(name)/tokens")
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: 0)], ofItemAtPath: "\(directory.path)/\(name)/tokens")
        }
        let link = "\(directory.path)/..data"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "..1")
        try FileManager.default.createSymbolicLink(
            atPath: "\(directory.path)/tokens", withDestinationPath: "..data/tokens")
        let store = try TokenStore(
            path: "\(directory.path)/tokens", logger: Logger(label: "test") { _ in LogCollector() }, clock: clock)
        #expect(store.caller(presenting: "first--0123456789abcdef".utf8) != nil)
        try FileManager.default.removeItem(atPath: link)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "..2")
        clock.advance(by: .seconds(1))
        #expect(store.caller(presenting: "second-0123456789abcdef".utf8) != nil)
        #expect(store.caller(presenting: "first--0123456789abcdef".utf8) == nil)
    }
}
