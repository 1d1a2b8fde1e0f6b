import KubernetesClient
import KubernetesStandIn
import RegistryTesting
import Testing

extension DayPlay {
    /// Every build that was asked for happened once.
    func checkBuilds() throws {
        let changes = day.standIn.changes(since: "0").filter { $0.kind == .jobs }
        try #require(changes.count < 9000, "the cluster has not forgotten anything")
        var runs: [String: (name: String, key: String, image: String)] = [:]
        for job in changes.compactMap(\.object) where job["spec"]?["suspend"]?.bool != true {
            let annotations = job["metadata"]?["annotations"]
            let image = annotations?["registry-query/image"]?.string ?? ""
            runs[job["metadata"]?["uid"]?.string ?? ""] = (
                job["metadata"]?["name"]?.string ?? "", annotations?["registry-query/idempotency-key"]?.string ?? "",
                image
            )
        }
        let keys = runs.values.map(\.key).sorted()
        #expect(keys.count == Set(keys).count, "no request and no push is built twice: \(keys)")
        #expect(Set(keys.filter { !$0.hasPrefix("github push ") }) == Set(day.asks.map(\.name)))
        #expect(keys.count { $0.hasPrefix("github push ") } == pushed.values.reduce(0, +))
        for ask in day.asks {
            #expect(
                runs.values.contains { $0.key == ask.name && $0.name == ask.build["id"]?.string },
                "\(ask) was told of its own build")
        }
        let images = day.pushed
        #expect(images.count == Set(images).count, "each tag is pushed once: \(images)")
        let cancelled = Set(day.asks.filter { $0.end == "cancelled" }.map(\.name))
        let failed = Set(day.asks.filter { $0.end == "failed" }.map(\.name))
        let kept = runs.values.filter { !cancelled.contains($0.key) }
        #expect(Set(kept.filter { !failed.contains($0.key) }.map(\.image)) == Set(images))
        // A version is passed over only while a Job holds it that is given up before it runs.
        let givenUp = Set(
            changes.compactMap(\.object).filter { runs[$0["metadata"]?["uid"]?.string ?? ""] == nil }
                .compactMap { $0["metadata"]?["annotations"]?["registry-query/image"]?.string })
        for (repository, builds) in Dictionary(grouping: kept, by: { $0.image.dropLast(":v1.0.0".count) }) {
            let numbers = builds.compactMap { Day.patch(of: $0.image) }
            #expect(Set(numbers).count == numbers.count, "no version of \(repository) is built twice: \(numbers)")
            for number in 0..<(numbers.max() ?? 0) where !numbers.contains(number) {
                #expect(givenUp.contains("\(repository):v1.0.\(number)"), "\(repository) has a gap: \(numbers)")
            }
        }
    }

    /// Every callback arrived, signed, or is reported.
    func checkCallbacks() throws {
        var ids: [String: String] = [:]
        for ask in day.asks where ask.receiver != nil {
            let calls = try day.calls(ask)
            #expect(!calls.isEmpty, "\(ask) was never called back")
            #expect(Set(calls.map(\.id)).count == 1 && Set(calls.map(\.body)).count == 1, "\(ask)")
            for call in calls {
                #expect(ids.updateValue(ask.name, forKey: call.id) ?? ask.name == ask.name, "one id for each build")
                let timestamp = call["webhook-timestamp"] ?? ""
                #expect(
                    call["webhook-signature"]
                        == DaySignature.standardWebhooks(
                            id: call.id, timestamp: timestamp, body: call.body, secret: Day.callbackSecret))
                #expect(call["x-callback-secret"] == Day.callbackSecret)
            }
            let told = try JSON(parsing: calls.first?.text ?? "")
            #expect(told["id"] == ask.build["id"] && told["createdAt"] == ask.build["createdAt"], "\(ask)")
            #expect(told["status"]?.string == ask.end && told["done"] == true, "\(ask): \(told)")
            let lines = day.diary.lines.filter { $0.contains("build=\(ask.build["id"]?.string ?? "") ") }
            let isGivenUp = ["gone", "over"].contains(ask.receiver)
            #expect(
                lines.contains { $0.hasPrefix("warning callback abandoned ") } == isGivenUp
                    && lines.contains { $0.hasPrefix("info callback delivered ") } != isGivenUp,
                "\(ask): \(lines)")
        }
        let known = try day.asks.reduce(0) { try $0 + day.calls($1).count }
        let all = try day.receiver.calls.count
        #expect(all == known, "there are no other calls")
    }

    /// Nothing is held, and nothing stays.
    func evening() async throws {
        for job in day.standIn.jobNames {
            #expect(day.standIn.job(job)?["metadata"]?["finalizers"] == nil, "nothing holds \(job)")
        }
        day.expireJobs()
        try await eventually("nothing is left") { day.standIn.jobNames.isEmpty && day.standIn.podNames.isEmpty }
        let listed = try await day.client.send("GET", day.replicas[0].url + "/builds")
        #expect(listed["builds"]?.array.isEmpty == true, "\(listed)")
    }
}
