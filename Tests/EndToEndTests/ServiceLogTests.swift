import FoundationEssentials
import Logging
import Testing

@testable import registry_query

@Suite("Lines of the service's log")
struct ServiceLogTests {
    private func members(_ metadata: Logger.Metadata) throws -> (line: String, members: [String: String]) {
        let handler = ServiceLogHandler(label: "service", level: .info, format: .json)
        let line = handler.line(level: .notice, message: "said", metadata: metadata)
        return (line, try JSONDecoder().decode([String: String].self, from: Data(line.utf8)))
    }

    @Test("a JSON line has each member once, and loses nothing, whatever the metadata is called")
    func unique() throws {
        for key in ["time", "level", "message", "logger"] {
            let metadata: Logger.Metadata = [key: "mine", "_\(key)": "also mine", "build": "b"]
            let (line, members) = try members(metadata)
            for name in members.keys { #expect(line.ranges(of: "\"\(name)\":").count == 1, "\(name) in \(line)") }
            #expect(Set(members.keys) == ["time", "level", "message", "logger", "build", "_\(key)", "__\(key)"])
            #expect(members["__\(key)"] == "mine" && members["_\(key)"] == "also mine")
            #expect(members["message"] == "said" && members["level"] == "notice" && members["logger"] == "service")
        }
        #expect(try members(["a": "b"]).members.count == 5)
    }
}
