import Glibc
import HTTPTransport
import Testing

@testable import CurlTransport

/// Many exchanges at a time, ended at any moment, and large ones.
@Suite struct LoadTests {
    @Test func cancelsAtAnyMomentLeaveNothingBehind() async throws {
        try await withServer { connection in
            while let request = connection.readRequest() {
                if request.line.contains("/slow") { connection.wait(UInt32.random(in: 0...4)) }
                try connection.answer(200, String(repeating: "x", count: 50_000))
            }
        } run: { server in
            try await withTransport(.init(connectionsPerHost: 8)) { transport in
                let url = try server.url()
                let ended = await withTaskGroup(of: Bool.self) { group in
                    for number in 0..<600 {
                        group.addTask {
                            let task = Task {
                                try await transport.text(url.appending(path: number % 2 == 0 ? "slow" : "fast"))
                            }
                            try? await Task.sleep(for: .microseconds(Int.random(in: 0...20_000)))
                            if number % 3 != 0 { task.cancel() }
                            switch await task.result {
                            case .success(let text): return text.count == 50_000
                            case .failure(let error): return error is CancellationError && number % 3 != 0
                            }
                        }
                    }
                    return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
                #expect(ended == 600)
                #expect(try await transport.text(url).count == 50_000)
            }
        }
    }

    @Test func slowReaderMakesTheServerWaitAndNotTheMemoryGrow() async throws {
        // In a process of its own, so that nothing else moves its memory.
        await #expect(processExitsWith: .success) {
            try await Self.readSlowly(200 << 20)
        }
    }

    private static func readSlowly(_ count: Int) async throws {
        try await withServer { connection in
            _ = connection.readRequest()
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n")
            let chunk = [UInt8](repeating: 0x61, count: 1 << 20)
            for _ in 0..<count >> 20 { try connection.send(chunk) }
        } run: { server in
            try await withTransport { transport in
                let response = try await transport.get(try server.url(), ExchangeLimits(bodyBytes: .max))
                var received = 0
                var longest = 0
                var mostResident = 0
                let residentBefore = try residentBytes()
                for try await chunk in response.body {
                    received += chunk.count
                    longest = max(longest, chunk.count)
                    mostResident = max(mostResident, try residentBytes())
                    if chunk.count > 200_000 { try await Task.sleep(for: .milliseconds(1)) }
                }
                #expect(received == count)
                #expect(mostResident - residentBefore < 8 << 20)
                // All that is kept for a reader is what the reader then gets.
                #expect(longest <= ExchangeState.highWatermark + 16 * 1024)
            }
        }
    }
}

/// The memory of this process that is in RAM.
private func residentBytes() throws -> Int {
    let statistics = try #require(readFile("/proc/self/statm"))
    let pages = String(decoding: statistics, as: UTF8.self).split(separator: " ")
    return try #require(pages.count > 1 ? Int(pages[1]) : nil) * Int(sysconf(Int32(_SC_PAGESIZE)))
}
