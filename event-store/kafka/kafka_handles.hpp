// librdkafka's C handles as owned objects, nothing more: the C interface is the one whose binary
// form it promises to keep. Destroy a queue before the client it belongs to; a client's destructor
// waits for its threads.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>

namespace signalbox::event_store {

template <auto destroy>
struct KafkaDestroy {
  template <class Handle>
  void operator()(Handle* handle) const {
    destroy(handle);
  }
};

template <class Handle, auto destroy>
using KafkaHandle = std::unique_ptr<Handle, KafkaDestroy<destroy>>;

using KafkaConf = KafkaHandle<rd_kafka_conf_t, rd_kafka_conf_destroy>;
using KafkaTopicConf = KafkaHandle<rd_kafka_topic_conf_t, rd_kafka_topic_conf_destroy>;
using KafkaClient = KafkaHandle<rd_kafka_t, rd_kafka_destroy>;
using KafkaTopic = KafkaHandle<rd_kafka_topic_t, rd_kafka_topic_destroy>;
using KafkaQueue = KafkaHandle<rd_kafka_queue_t, rd_kafka_queue_destroy>;
using KafkaMessage = KafkaHandle<rd_kafka_message_t, rd_kafka_message_destroy>;
using KafkaEvent = KafkaHandle<rd_kafka_event_t, rd_kafka_event_destroy>;
using KafkaError = KafkaHandle<rd_kafka_error_t, rd_kafka_error_destroy>;
using KafkaHeaders = KafkaHandle<rd_kafka_headers_t, rd_kafka_headers_destroy>;
using KafkaPartitionList =
    KafkaHandle<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;

}  // namespace signalbox::event_store
