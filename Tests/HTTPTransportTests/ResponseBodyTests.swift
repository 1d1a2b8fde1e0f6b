import HTTPTransport
import Testing

@Suite struct ResponseBodyTests {
    @Test func completeBodyIsReadOnce() async throws {
        var iterator = ResponseBody([1, 2]).makeAsyncIterator()
        #expect(try await iterator.next() == [1, 2])
        #expect(try await iterator.next() == nil)
        #expect(try await iterator.next() == nil)
    }

    @Test func emptyBodyHasNoChunk() async throws {
        var iterator = ResponseBody.empty.makeAsyncIterator()
        #expect(try await iterator.next() == nil)
    }

    @Test func collectingStopsAtTheLimit() async throws {
        #expect(try await ResponseBody([1, 2, 3]).collect(upTo: 3) == [1, 2, 3])
        let error = await #expect(throws: TransportError.self) { try await ResponseBody([1, 2, 3]).collect(upTo: 2) }
        #expect(error?.code == .bodyTooLarge)
    }
}
