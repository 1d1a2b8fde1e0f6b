import HTTPTypes
import Testing

@testable import CurlTransport

@Suite struct HeadParserTests {
    private func read(_ lines: [String], limit: Int = 1000) throws(HeadParser.Failure) -> ResponseHead? {
        var parser = HeadParser(limit: limit)
        var found: ResponseHead?
        for line in lines {
            let bytes = Array((line + "\r\n").utf8)
            let head = bytes.withUnsafeBytes { bytes in
                Result { () throws(HeadParser.Failure) in try parser.read(bytes) }
            }
            if let head = try head.get() { found = head }
        }
        return found
    }

    @Test func fieldsKeepTheirOrderAndTheirRepetitions() throws {
        let head = try read(["HTTP/1.1 200 OK", "B: 1", "a:  2 \t", "B:3", "Empty:", ""])
        #expect(head?.status == 200)
        #expect(head?.fields.map { "\($0.name.rawName)=\($0.value)" } == ["B=1", "a=2", "B=3", "Empty="])
    }

    @Test func interimHeadsAreForgotten() throws {
        let head = try read(["HTTP/1.1 100 Continue", "A: 1", "", "HTTP/1.1 204 No Content", "B: 2", ""])
        #expect(head?.status == 204)
        #expect(head?.fields.map(\.name.rawName) == ["B"])
        #expect(try read(["HTTP/1.1 100 Continue", ""]) == nil)
    }

    @Test func trailersAreNoSecondHead() throws {
        let head = try read(["HTTP/1.1 200 OK", "", "X-Sum: 1", "HTTP/1.1 500 No", ""])
        #expect(head?.status == 200)
    }

    @Test func limitCountsAllLinesToTheLastByte() throws {
        let lines = ["HTTP/1.1 103 X", "A: 1", "", "HTTP/1.1 200 OK", "B: 2", "", "Trailer: 3", ""]
        let size = lines.reduce(0) { $0 + $1.utf8.count + 2 }
        #expect(try read(lines, limit: size)?.status == 200)
        #expect(throws: HeadParser.Failure.tooLarge) { try read(lines, limit: size - 1) }
    }

    @Test(arguments: [
        ["HTTP/1.1 OK", ""], ["HTTP/1.1 20 OK", ""], ["HTTP/1.1 2000 OK", ""], ["HTTP/1.1 -20 OK", ""],
        ["HTTP/1.1", ""],
        ["HTTP/1.1 101 Switching", ""], ["A: 1", ""], ["HTTP/1.1 200 OK", " folded", ""],
        ["HTTP/1.1 200 OK", "no colon", ""], ["HTTP/1.1 200 OK", ": no name", ""],
        ["HTTP/1.1 200 OK", "a b: space in the name", ""], ["HTTP/1.1 200 OK", "Content-Length: 5x", ""],
        ["HTTP/1.1 200 OK", "Content-Length: -5", ""], ["HTTP/1.1 200 OK", "Content-Length: 5, 5", ""],
        ["HTTP/1.1 200 OK", "Content-Length: 5", "Content-Length: 6", ""],
    ])
    func malformedHeadIsAnError(_ lines: [String]) {
        let failure = #expect(throws: HeadParser.Failure.self) { try read(lines) }
        #expect(failure != .tooLarge)
    }
}
