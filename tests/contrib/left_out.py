"""Which tests of the framework are left out where sessions of ours stand in for theirs, and why."""

from __future__ import annotations

CONNECTIONS = "their connections, pools, transactions and locks"
ROWS = "rows and keys of theirs that the test writes, or reads, itself"
CLOSING = "closing, which is done to the store and not to a session"
HOOKS = "private calls between a session and what wraps it"
ERRORS = "the kind or the words of an error"
NEGATIVE = "a negative limit, which is none in SQLite and 0 in Redis; ours is 0"

LEFT_OUT: dict[str, dict[str, str]] = {
    "tests/memory/test_session.py": {
        CONNECTIONS: """
            test_await_mutation_cancellation_hides_later_failure_without_loop_error
            test_sqlite_session_close_closes_worker_thread_connections
            test_sqlite_session_close_retries_quarantined_connection
            test_sqlite_session_closes_retired_connections_before_the_next_allocation
            test_sqlite_session_failed_clear_session_rolls_back
            test_sqlite_session_failed_pop_item_releases_write_lock
            test_sqlite_session_file_lock_is_shared_across_instances
            test_sqlite_session_keeps_connections_of_live_worker_threads
            test_sqlite_session_post_commit_cancellation_propagates_after_known_outcome
            test_sqlite_session_reaps_connections_from_exited_worker_threads
            test_sqlite_session_rollback_failure_evicts_connection
        """,
        CLOSING: """
            test_sqlite_session_closed_rejects_empty_add_items
        """,
        ROWS: """
            test_sqlite_session_get_items_limit_skips_corrupt_newest_rows
            test_sqlite_session_get_items_session_settings_limit_skips_corrupt_rows
            test_sqlite_session_pop_item_returns_none_after_dropping_only_corrupt_rows
            test_sqlite_session_pop_item_skips_corrupt_most_recent
        """,
        ERRORS: """
            test_session_settings_rejects_unknown_dictionary_fields
            test_sqlite_session_failed_add_items_releases_write_lock
        """,
    },
    "tests/extensions/memory/test_async_sqlite_session.py": {
        CONNECTIONS: """
            test_cancelled_add_items_rolls_back_write_transaction
            test_cancelled_close_finishes_cleanup_and_propagates_cancellation
            test_cancelled_connect_closes_eventually_acquired_connection
            test_cancelled_initialization_finishes_candidate_close
            test_cancelled_wal_retry_closes_startup_connection
            test_close_retries_connection_quarantined_after_rollback_failure
            test_close_retries_quarantined_failed_initialization_candidate
            test_failed_clear_session_rolls_back
            test_failed_initialization_closes_candidate_connection
            test_failed_pop_item_releases_write_lock
            test_initialization_does_not_retry_unrecoverable_wal_errors
            test_initialization_failure_then_cancellation_during_candidate_close
            test_initialization_releases_wal_cursor_before_schema_write
            test_initialization_retries_transient_wal_lock
            test_operation_failure_then_cancellation_during_rollback
            test_post_commit_cancellation_propagates_after_known_mutation_outcome
            test_rollback_failure_closes_and_evicts_connection
        """,
        CLOSING: """
            test_async_sqlite_session_close_before_use_is_terminal
            test_async_sqlite_session_close_is_idempotent
            test_async_sqlite_session_closed_operations_raise_runtime_error
            test_async_sqlite_session_closed_rejects_empty_add_items
        """,
        ROWS: """
            test_async_sqlite_session_get_items_limit_skips_corrupt_newest_rows
            test_async_sqlite_session_get_items_same_timestamp_consistent_order
            test_async_sqlite_session_pop_item_returns_none_after_dropping_only_corrupt_rows
            test_async_sqlite_session_pop_item_same_timestamp_returns_latest
            test_async_sqlite_session_pop_item_skips_corrupt_most_recent
        """,
        ERRORS: """
            test_failed_add_items_rolls_back_and_reuses_connection
        """,
    },
    "tests/extensions/memory/test_redis_session.py": {
        CONNECTIONS: """
            test_add_items_applies_ttl_in_the_write_transaction
            test_add_items_refreshes_server_timestamps_after_watch_retry
            test_add_items_uses_server_absolute_expiration_after_serialization
            test_add_items_with_ttl_supports_single_connection_pool
            test_ambiguous_exec_watch_error_is_not_retried
            test_blocking_pool_cancellation_completion_owns_release
            test_blocking_pool_detached_disconnect_notifies_waiter
            test_blocking_pool_listener_failure_notifies_waiter
            test_cancelled_connection_acquisition_is_discarded_before_release
            test_cancelled_in_flight_watch_command_reconnects_before_pool_reuse
            test_cancelled_watch_releases_single_connection_pool
            test_decode_responses_client_compatibility
            test_mutation_cancellation_waits_for_authoritative_outcome
            test_ordinary_pool_cancellation_completion_owns_release
            test_post_commit_
            test_pre_exec_cancellation_skips_pipeline_reset
            test_pre_exec_close_failure_is_quarantined
            test_real_redis_decode_responses_compatibility
            test_reconnect_marked_inside_release_failure_is_detached
            test_reconnect_required_release_detaches_without_listener_reborrow
            test_redis81_standard_pool_checkout_records_native_observability
            test_redis8_blocking_pool_checkout_preserves_native_timing
            test_redis_cluster_reads_and_subclass_writes
            test_redis_session_rejects_cluster_transactions_before_pipeline
            test_release_failure_after_reborrow_preserves_new_borrower
            test_successful_batch_response_with_sibling_error_does_not_retry
            test_transparent_overridden_pool_release_is_supported
        """,
        CLOSING: """
            test_close_method_coverage
            test_external_client_not_closed
            test_internal_client_ownership
            test_ping_connection_failure
            test_redis_connectivity
            test_redis_session_cancelled_cleanup_is_terminal_and_retried
            test_redis_session_close_
            test_redis_session_closed_
            test_redis_session_failed_cleanup_is_terminal_and_retried
            test_redis_session_operation_waiting_behind_close_raises
            test_redis_session_ping_raises_after_close
        """,
        ROWS: """
            test_add_items_preserves_created_at_metadata
            test_add_items_rejects_wrong_metadata_key_type_before_writing
            test_clear_rechecks_key_types_after_concurrent_replacement
            test_colliding_
            test_corrupted_data_handling
            test_get_items_limit_skips_corrupt_newest_messages
            test_get_next_id_method
            test_released_redis_layout_remains_usable
        """,
        HOOKS: """
            test_atomic_replacement_
            test_cancelled_redis_compaction_handoff_remains_resumable
            test_compaction_
        """,
        ERRORS: """
            test_add_items_rejects_unrepresentable_ttl_before_writing
        """,
    },
    "tests/extensions/memory/test_encrypt_session.py": {
        HOOKS: """
            test_encrypted_compaction_skips_unencrypted_stored_history
            test_encrypted_pop_authentication_is_atomic_with_concurrent_mutations
            test_encrypted_pop_cancellation_waits_for_authentication_rollback
            test_encrypted_pop_rechecks_authentication_after_expired_tail
            test_encrypted_pop_wrong_key_preserves_
        """,
        NEGATIVE: """
            test_encrypted_session_scan_budget_rejects_negative_limit_before_read
        """,
    },
    "tests/memory/test_openai_responses_compaction_session.py": {
        HOOKS: """
            TestOpenAIResponsesCompactionSession::test_automatic_compaction_rollback_budget[True]
        """,
        CONNECTIONS: """
            TestOpenAIResponsesCompactionSession::test_settled_clear_failure_invalidates_response_chain
            TestOpenAIResponsesCompactionSession::test_settled_pop_failure_invalidates_response_chain
        """,
    },
    "tests/memory/test_compaction_model_visibility.py": {
        HOOKS: """
            test_automatic_compaction_does_not_reload_unbounded_hidden_history
            test_backend_read_limit_cannot_hide_retained_history_from_compaction
            test_expired_read_overhead_does_not_authorize_hidden_history
        """,
    },
    "tests/memory/test_compaction_suffix.py": {
        HOOKS: """
            test_cancelled_suffix_transaction_settles_before_newer_append
            test_expired_prefix_does_not_block_full_live_window
            test_failed_encrypted_suffix_transaction_preserves_original_tokens
            test_new_backend_write_invalidates_snapshot
            test_partial_compaction_
            test_prefix_cleanup_stops_before_retained_history
            test_repeated_ttl_bursts_do_not_accumulate_expired_rows
            test_suffix_transaction_rolls_back_failed_insert
            test_unverifiable_rows_inside_snapshot_are_retained
        """,
    },
    "tests/test_run_impl_resume_paths.py": {
        CONNECTIONS: """
            test_handoff_resume_after_cancelled_compaction_commits
        """,
    },
}
"""By file and by reason, how the names of the tests begin."""
